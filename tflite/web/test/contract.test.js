/** The contract's rules by hand, without a browser: `npm test`. */

import assert from 'node:assert/strict';
import test from 'node:test';

import {named, probabilities} from '../src/classes.js';
import {checkGolden, checkProcessor, goldenInput, hash, parse, TOLERANCE} from '../src/contract.js';
import {colours, peak} from '../src/heat.js';
import {fit, normalise} from '../src/pixels.js';

test('the golden input follows its rule', () => {
  // i * 2654435761 mod 2**32: 0, 2654435761, 1013904226, 3668339987; of each the highest byte.
  const bytes = goldenInput({shape: [1, 2, 2, 1], dtype: 'uint8'});
  assert.deepEqual([...bytes], [0, 158, 60, 218]);
  const image = {shape: [1, 1, 1, 3], dtype: 'float32', mean: 127.5, std: 127.5};
  assert.deepEqual([...goldenInput(image)], [-1, 158, 60].map(
    (byte) => byte < 0 ? -1 : Math.fround((byte - 127.5) / 127.5)));
});

test('a hash by hand', async () => {
  assert.equal(await hash(new TextEncoder().encode('abc')),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('golden outputs: within the tolerance, beyond it, and not a number', () => {
  const golden = {outputs: {logits: [1, -4]}};
  const within = TOLERANCE.wasm * 4 * 0.99;
  checkGolden({logits: Float32Array.of(1, -4 + within, 7)}, golden, 'wasm');
  for (const wrong of [-4 + TOLERANCE.wasm * 4 * 1.01, NaN]) {
    assert.throws(() => checkGolden({logits: Float32Array.of(1, wrong)}, golden, 'wasm'),
      /^Error: The file must give its golden output on this device\. Received: output="logits"/);
  }
});

test('a file goes only to processors that its contract names, if it names any', () => {
  const main = 'serving_default';
  checkProcessor({}, 'webgpu');
  checkProcessor({processors: {cpu: [main], gpu: [main]}}, 'webgpu');
  checkProcessor({processors: {cpu: [main], gpu: []}}, 'wasm');
  for (const processors of [{cpu: [main], gpu: []}, {cpu: [main]}]) {
    assert.throws(() => checkProcessor({processors}, 'webgpu'), /must name the processor/);
  }
  const signatures = [{name: 'small'}, {name: 'large'}];
  checkProcessor({processors: {gpu: ['small']}, signatures}, 'webgpu');
  assert.throws(() => checkProcessor({processors: {gpu: ['large']}, signatures}, 'webgpu'));
});

function near(actual, expected) {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(value - actual[i]) < 1e-6, `${actual}`));
}

test('a softmax is taken of logits only, and one value is the probability of yes', () => {
  const logits = Float32Array.of(0, Math.log(2), Math.log(5));
  near(probabilities(logits, 'logits'), [0.125, 0.25, 0.625]);
  near(probabilities(Float32Array.of(0.75, 0.25), 'probabilities'), [0.75, 0.25]);
  near(probabilities(Float32Array.of(0.9, 0.8, 0.3), 'independent probabilities'), [0.9, 0.8, 0.3]);
  near(probabilities(Float32Array.of(0.75), 'independent probabilities'), [0.25, 0.75]);
  near(probabilities(Float32Array.of(Math.log(3)), 'logits'), [0.25, 0.75]);
});

test('classes have their labels, or the label of yes, or numbers', () => {
  const names = (shares, labels) => named(shares, labels).map(({label}) => label);
  assert.deepEqual(names([0.25, 0.75], ['cat', 'dog']), ['dog', 'cat']);
  assert.deepEqual(named([0.75, 0.25], ['dog']), [{label: 'dog', probability: 0.25}]);
  assert.deepEqual(names([0.2, 0.5, 0.3]), ['1', '2', '0']);
});

function contractOf(outputs, more = {format: 2}) {
  const inputs = [{name: 'images', content: 'image', shape: [1, 2, 3, 3]}];
  return JSON.stringify({inputs, outputs, golden: {outputs: {}}, ...more});
}

test('the output with labels answers, and one of no classes does not', () => {
  const [features, logits, mask] = [['a', 'features', [1, 5]], ['b', 'logits', [1, 3]],
    ['c', 'probabilities', [1, 2, 2, 3]]].map(
    ([name, content, shape]) => ({name, content, shape}));
  const labelled = {...logits, name: 'd', shape: [1, 1], labels: ['no', 'yes']};
  assert.equal(parse(contractOf([features, logits, mask])).answer.name, 'b');
  assert.equal(parse(contractOf([features, logits, labelled])).answer.name, 'd');
  assert.throws(() => parse(contractOf([features, mask])), /must have an output with classes/);
});

test('a contract of format 1 has its labels beside its outputs', () => {
  const outputs = [{name: 'y', content: 'logits', shape: [1, 2]}];
  const {answer} = parse(contractOf(outputs, {format: 1, labels: ['cat', 'dog']}));
  assert.deepEqual(answer.labels, ['cat', 'dog']);
  assert.equal(parse(contractOf(outputs, {format: 1, labels: null})).answer.labels, undefined);
});

test('normalising rounds as float32 does', () => {
  const [value] = normalise(Uint8Array.of(7), {dtype: 'float32', mean: 123.675, std: 58.395});
  assert.equal(value, Math.fround(Math.fround(7 - Math.fround(123.675)) / Math.fround(58.395)));
});

test('grey is luma, and the mean of two pixels is rounded up', () => {
  const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 1, 1, 1);
  assert.deepEqual([...fit({data, width: 4, height: 1}, [1, 1, 4, 1])], [76, 150, 29, 1]);
  const pair = Uint8Array.of(10, 10, 10, 11, 11, 11);
  assert.deepEqual([...fit({data: pair, width: 2, height: 1}, [1, 1, 1, 3])], [11, 11, 11]);
});

test('colours run from blue over grey to yellow, and an even map is blue', () => {
  assert.deepEqual([...colours(Float32Array.of(0.25, 0.5, 0.75))],
    [0, 34, 78, 255, 125, 124, 120, 255, 254, 232, 56, 255]);
  assert.deepEqual([...colours(Float32Array.of(0.5))], [0, 34, 78, 255]);
  assert.equal(peak(Float32Array.of(0.1, 0.2, 0.1, 0.6), [1, 2, 2]),
    'The largest share, 60.0 %, goes to row 2 of 2, column 2 of 2.');
});
