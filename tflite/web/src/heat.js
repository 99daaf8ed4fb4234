/** Attention as colours that people with any colour vision tell apart: dark blue, grey, yellow. */

const STOPS = [[0, 34, 78], [125, 124, 120], [254, 232, 56]]; // lightness grows evenly between them

/**
 * Colours a grid, its smallest value dark blue and its largest yellow.
 *
 * @param {Float32Array} grid Flat, row by row.
 * @return {Uint8ClampedArray} RGBA.
 */
export function colours(grid) {
  const [least, most] = [Math.min(...grid), Math.max(...grid)];
  const rgba = new Uint8ClampedArray(4 * grid.length);
  grid.forEach((value, i) => {
    const at = (most > least ? (value - least) / (most - least) : 0) * (STOPS.length - 1);
    const stop = Math.min(Math.floor(at), STOPS.length - 2);
    const mixed = STOPS[stop].map((low, c) => low + (at - stop) * (STOPS[stop + 1][c] - low));
    rgba.set([...mixed, 255], 4 * i);
  });
  return rgba;
}

/**
 * Says in words where a grid is largest.
 *
 * @param {Float32Array} grid Flat, row by row.
 * @param {number[]} shape `[1, rows, columns]`.
 */
export function peak(grid, [, rows, columns]) {
  const at = grid.indexOf(Math.max(...grid));
  return `The largest share, ${percent(grid[at])}, goes to row ${Math.floor(at / columns) + 1} of ` +
    `${rows}, column ${at % columns + 1} of ${columns}.`;
}

/** Writes a share with one decimal. */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}
