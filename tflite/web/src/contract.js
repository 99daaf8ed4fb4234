/** What an exported file promises of itself, and the checks that it keeps it. */

import {answer} from './classes.js';
import {Explained} from './errors.js';
import {normalise} from './pixels.js';

// Of the largest golden value. Runtimes sum in different orders, and in files with int8 weights that
// moves single activations to the neighbouring int8 value, 1/127 of the largest. GPUs do not round
// activations at all, as the exporting CPU did, which shows most in the attention of the last block.
export const TOLERANCE = {wasm: 0.02, webgpu: 0.1};
const AGAIN = 'export the file again and take both of its files';

/**
 * Reads and checks a contract.
 *
 * @param {string} text JSON.
 * @return {Object} The contract, with `image`, `answer` and `attention` (or none): its input, the
 *     output with the classes and the map of attention.
 */
export function parse(text) {
  let contract;
  try {
    contract = JSON.parse(text);
  } catch (error) {
    throw new Explained('The contract must be JSON', {error: error.message}, AGAIN);
  }
  if (contract?.format !== 1 && contract?.format !== 2) {
    throw new Explained('The contract must have format 1 or 2', {format: contract?.format},
      'take the .json file that the export wrote beside the .tflite file');
  }
  const {inputs, golden} = contract;
  const outputs = contract.format === 1 ? labelled(contract) : contract.outputs;
  const image = inputs[0];
  const ofAnImage = inputs.length === 1 && image.content === 'image' && image.shape.length === 4;
  if (!ofAnImage || ![1, 3].includes(image.shape[3])) {
    throw new Explained('The model must take one image, [1, height, width, 3 or 1]',
      {inputs: inputs.map(({content, shape}) => ({content, shape}))}, 'use an image classifier');
  }
  const found = answer(outputs);
  if (!found) {
    throw new Explained('The model must have an output with classes',
      {outputs: outputs.map(({name, content}) => ({name, content}))}, 'use an image classifier');
  }
  const {labels, shape} = found;
  if (labels && labels.length !== shape.at(-1) && !(shape.at(-1) === 1 && labels.length === 2)) {
    throw new Explained('The contract must name every class',
      {labels: labels.length, output: shape}, 'export again with one label per class');
  }
  if (!golden?.outputs) {
    throw new Explained('The contract must have a golden output', {golden}, AGAIN);
  }
  const attention = outputs.find(({content}) => content === 'attention');
  return {...contract, outputs, image, answer: found, attention};
}

/** The outputs of a contract of format 1, which has one list of labels: that of the logits. */
function labelled({outputs, labels}) {
  return outputs.map((each) => (
    labels && each.content === 'logits' ? {...each, labels} : each));
}

/**
 * Checks that a processor takes the file whole and computes it rightly, as the export found out.
 *
 * @param {Object} contract One of before this was known names no processors, and is let through.
 * @param {'wasm'|'webgpu'} processor
 */
export function checkProcessor({processors, signatures, precision}, processor) {
  if (!processors) return;
  const taken = processors[processor === 'webgpu' ? 'gpu' : 'cpu'] ?? [];
  if (signatures ? !taken.includes(signatures[0].name) : !taken.length) {
    throw new Explained('The contract must name the processor, which else may give wrong numbers',
      {processor, processors, precision}, 'let it run on another processor, or export as float16');
  }
}

/**
 * Checks that a file is the one that its contract speaks of.
 *
 * @param {Uint8Array} bytes The file.
 * @param {Object} contract
 * @return {Promise<boolean>} Whether the hash was compared: browsers hash on https and localhost only.
 */
export async function checkFile(bytes, contract) {
  const magic = String.fromCharCode(...bytes.subarray(4, 8));
  if (magic !== 'TFL3') {
    throw new Explained('The file must be a .tflite file, which has TFL3 in its bytes 4 to 7',
      {bytes: magic}, 'choose the file that the export wrote');
  }
  const sha256 = await hash(bytes);
  if (sha256 && sha256 !== contract.sha256) {
    throw new Explained('The file must have the sha256 that its contract names',
      {sha256, contract: contract.sha256}, 'take both files from one export');
  }
  return Boolean(sha256);
}

/**
 * Checks that the tensors of a compiled model are those of its contract.
 *
 * @param {{name: string, dtype: string, shape: Int32Array}[]} found Inputs and outputs of the model.
 * @param {Object} contract
 */
export function checkTensors(found, {inputs, outputs}) {
  for (const {name, shape, dtype} of [...inputs, ...outputs]) {
    const tensor = found.find((each) => each.name === name);
    if (tensor?.dtype !== dtype || String([...tensor.shape]) !== String(shape)) {
      throw new Explained('The tensors of the file must be those of its contract',
        {contract: {name, shape, dtype}, file: found.map((each) => (
          {name: each.name, shape: [...each.shape], dtype: each.dtype}))}, AGAIN);
    }
  }
}

/**
 * Makes the golden input: value i is the byte (i * 2654435761 mod 2**32) >> 24, then normalised.
 *
 * @param {{shape: number[], dtype: string, mean: number, std: number}} image
 * @return {Uint8Array|Float32Array}
 */
export function goldenInput(image) {
  const count = image.shape.reduce((product, size) => product * size, 1);
  return normalise(Uint8Array.from({length: count}, (_, i) => Math.imul(i, 2654435761) >>> 24), image);
}

/**
 * Compares outputs with the recorded ones.
 *
 * @param {Object<string, TypedArray>} outputs The model's outputs of the golden input, by name.
 * @param {{outputs: Object<string, number[]>}} golden Their first values as the export saw them.
 * @param {'wasm'|'webgpu'} processor What ran the model.
 */
export function checkGolden(outputs, golden, processor) {
  for (const [name, expected] of Object.entries(golden.outputs)) {
    const actual = Array.from(outputs[name].subarray(0, expected.length), Number);
    const limit = TOLERANCE[processor] * Math.max(...expected.map(Math.abs));
    const error = Math.max(...expected.map((value, i) => Math.abs(value - actual[i])));
    if (!(error <= limit)) {
      throw new Explained('The file must give its golden output on this device',
        {output: name, processor, largest_error: error, limit, expected: expected.slice(0, 5),
          actual: actual.slice(0, 5)}, 'let it run on another processor, or export the file again');
    }
  }
}

/** Returns the hash in hexadecimal digits, or none where the browser offers no hashing. */
export async function hash(bytes) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
