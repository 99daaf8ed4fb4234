/** From a picture to the numbers that enter the model, byte for byte as Pillow does in Python. */

const BITS = 22; // Pillow's fixed-point weights of 8-bit pictures
const BAND = 256; // rows read at once: phones limit the area of a canvas

/**
 * Reads the pixels of a bitmap; transparent parts become white.
 *
 * @param {ImageBitmap} bitmap
 * @return {{data: Uint8Array, width: number, height: number}} RGB, row by row, 0 to 255.
 */
export function read(bitmap) {
  const {width, height} = bitmap;
  const canvas = new OffscreenCanvas(width, Math.min(BAND, height));
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.fillStyle = 'white';
  const data = new Uint8Array(width * height * 3);
  let at = 0;
  for (let top = 0; top < height; top += BAND) {
    context.fillRect(0, 0, width, BAND);
    context.drawImage(bitmap, 0, -top);
    const rgba = context.getImageData(0, 0, width, Math.min(BAND, height - top)).data;
    for (let i = 0; i < rgba.length; i += 4) {
      data[at++] = rgba[i];
      data[at++] = rgba[i + 1];
      data[at++] = rgba[i + 2];
    }
  }
  return {data, width, height};
}

/**
 * Brings pixels to the size and the channels of a model's input.
 *
 * @param {{data: Uint8Array, width: number, height: number}} picture RGB.
 * @param {number[]} shape `[1, height, width, channels]`, with 3 channels or 1.
 * @return {Uint8Array} `(height, width, channels)`.
 */
export function fit(picture, [, height, width, channels]) {
  const data = channels === 1 ? grey(picture.data) : picture.data;
  const across = (bytes) => resample(bytes, picture.width, width, channels);
  const down = (bytes, row) => resample(bytes, picture.height, height, row * channels);
  // The order moves roundings. Pillow 13 goes down first where that cuts enough rows away.
  const rows = picture.height - height;
  return rows > Math.max(0, 2 * (picture.width - width))
    ? across(down(data, picture.width)) : down(across(data), width);
}

/**
 * Normalises bytes in float32 arithmetic.
 *
 * @param {Uint8Array} bytes
 * @param {{dtype: string, mean: number, std: number}} input The contract's image input.
 * @return {Uint8Array|Float32Array} The bytes themselves for a uint8 input.
 */
export function normalise(bytes, {dtype, mean, std}) {
  if (dtype === 'uint8') return bytes;
  const [centre, scale] = [Math.fround(mean), Math.fround(std)];
  return Float32Array.from(bytes, (byte) => Math.fround(byte - centre) / scale);
}

/** ITU-R 601 luma with Pillow's weights. */
function grey(rgb) {
  const data = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < data.length; i++) {
    data[i] = (rgb[3 * i] * 19595 + rgb[3 * i + 1] * 38470 + rgb[3 * i + 2] * 7471 + 0x8000) >> 16;
  }
  return data;
}

/** One pass of Pillow's antialiased bilinear filter over the middle axis of `(any, size, step)`. */
function resample(source, size, newSize, step) {
  if (size === newSize) return source;
  const blocks = source.length / (size * step);
  const target = new Uint8Array(blocks * newSize * step);
  for (let position = 0; position < newSize; position++) {
    const {first, weights} = triangle(size, newSize, position);
    for (let block = 0; block < blocks; block++) {
      const from = (block * size + first) * step;
      const to = (block * newSize + position) * step;
      for (let i = 0; i < step; i++) {
        let sum = 1 << (BITS - 1);
        for (let k = 0; k < weights.length; k++) sum += source[from + k * step + i] * weights[k];
        target[to + i] = sum >> BITS;
      }
    }
  }
  return target;
}

function triangle(size, newSize, position) {
  const scale = size / newSize;
  const support = Math.max(scale, 1);
  const centre = (position + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - support + 0.5));
  const end = Math.min(size, Math.trunc(centre + support + 0.5));
  const shares = [];
  for (let i = first; i < end; i++) {
    shares.push(Math.max(0, 1 - Math.abs((i - centre + 0.5) * (1 / support))));
  }
  const total = shares.reduce((sum, share) => sum + share, 0);
  return {first, weights: shares.map((share) => Math.floor(0.5 + share / total * 2 ** BITS))};
}
