/** An exported classifier under LiteRT.js, checked against its contract before it is used. */

import {getWebGpuDevice, loadAndCompile, loadLiteRt, Tensor} from './litert/core.js';
import {named, probabilities} from './classes.js';
import {
  checkFile, checkGolden, checkProcessor, checkTensors, goldenInput, hash, parse,
} from './contract.js';
import {Explained} from './errors.js';
import {fit, normalise} from './pixels.js';

const RUNS = 11;
const PATIENCE_MS = 1000; // slow models are timed fewer times, yet thrice at least

/** Loads LiteRT.js, and returns the processors it can run on, the preferred one first. */
export async function processors() {
  const gpu = Boolean(await navigator.gpu?.requestAdapter());
  try {
    await loadLiteRt('litert/wasm/', {jspi: gpu && 'Suspending' in WebAssembly});
  } catch (error) {
    throw new Explained('LiteRT.js must lie beside this page, in litert/wasm',
      {error: error.message ?? error.type}, 'build the page again and serve the whole folder');
  }
  return gpu && getWebGpuDevice() ? ['webgpu', 'wasm'] : ['wasm'];
}

export class Classifier {
  /**
   * Compiles a file and checks it: processor, hash, tensors, golden output.
   *
   * @param {Uint8Array} bytes The `.tflite` file.
   * @param {string} text Its contract, JSON.
   * @param {'wasm'|'webgpu'} processor
   */
  static async load(bytes, text, processor) {
    const contract = parse(text);
    checkProcessor(contract, processor);
    const hashed = await checkFile(bytes, contract);
    let classifier;
    try {
      const compiled = await loadAndCompile(
        bytes, {accelerator: processor, gpuOptions: {precision: 'fp32'}});
      classifier = new Classifier(compiled, contract, hashed);
      await classifier._check();
    } catch (error) {
      classifier?.delete();
      if (error instanceof Explained) throw error;
      throw new Explained('LiteRT.js must be able to run the file',
        {processor, error: error.message ?? String(error)},
        'let it run on another processor, or export with precision float32');
    }
    return classifier;
  }

  constructor(compiled, contract, hashed) {
    this._compiled = compiled;
    this.contract = contract;
    this.hashed = hashed;
    this.processor = compiled.options.accelerator;
    this.whole = compiled.isFullyAccelerated;
  }

  /**
   * Names what is on a picture, and times it.
   *
   * @param {{data: Uint8Array, width: number, height: number}} picture RGB.
   * @return {Promise<Object>} `outputs` by name, the classes `ranked`, `attention` (a flat grid, or
   *     none), `median_ms` of one run and the number of `runs`.
   */
  async classify(picture) {
    const {image, answer, attention} = this.contract;
    const input = normalise(fit(picture, image.shape), image);
    const times = [];
    let outputs;
    const begin = performance.now();
    while (times.length < 3 || (times.length < RUNS && performance.now() - begin < PATIENCE_MS)) {
      const start = performance.now();
      outputs = await this._run(input);
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    return {
      outputs,
      ranked: named(probabilities(outputs[answer.name], answer.content), answer.labels),
      attention: attention && outputs[attention.name],
      median_ms: times[times.length >> 1],
      runs: times.length,
    };
  }

  delete() {
    this._compiled.delete();
  }

  async _check() {
    const {contract} = this;
    checkTensors([...this._compiled.getInputDetails(), ...this._compiled.getOutputDetails()], contract);
    const input = goldenInput(contract.image);
    const sha256 = await hash(new Uint8Array(input.buffer));
    if (sha256 && sha256 !== contract.golden.input_sha256) {
      throw new Explained('The golden input must have the sha256 that the contract names',
        {sha256, contract: contract.golden.input_sha256}, 'export the file again');
    }
    checkGolden(await this._run(input), contract.golden, this.processor);
  }

  /** One run from plain numbers to plain numbers. */
  async _run(input) {
    const {name, shape} = this.contract.image;
    const tensor = new Tensor(input, shape);
    let outputs = {};
    try {
      outputs = await this._compiled.run({[name]: tensor});
      const arrays = {};
      for (const [each, output] of Object.entries(outputs)) arrays[each] = await output.data();
      return arrays;
    } finally {
      for (const each of [tensor, ...Object.values(outputs)]) each.delete();
    }
  }
}
