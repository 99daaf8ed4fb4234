/** The page: what people do, and what they see. */

import {Classifier, processors} from './classifier.js';
import {Explained} from './errors.js';
import {colours, peak, percent} from './heat.js';
import {read} from './pixels.js';
import {fetchModel, pickedModel} from './sources.js';

const DEFAULT_MODEL = 'vit_eurosat.tflite';
const TOP = 5;
const SHOWN = 1024; // px: longest side of the picture on the page
const NAMES = {wasm: 'CPU (WebAssembly)', webgpu: 'GPU (WebGPU)'};

const at = (id) => document.getElementById(id);
const files = {}; // of the model: `bytes` and `text`, once both are read
let classifier = null;
let picture = null;
let turn = Promise.resolve();

/** Does one thing after the other, and shows what goes wrong. */
function inTurn(work) {
  turn = turn.then(async () => {
    at('error').hidden = true;
    document.body.setAttribute('aria-busy', 'true');
    try {
      await work();
    } catch (error) {
      console.error(error);
      at('error').textContent = error.message;
      at('error').hidden = false;
    } finally {
      document.body.removeAttribute('aria-busy');
    }
  });
  return turn;
}

/** Replaces the model by one that passes its checks; on a failure there is none. */
async function loadModel(read) {
  classifier?.delete();
  classifier = null;
  forget();
  at('status').textContent = 'Loading the model …';
  at('facts').replaceChildren();
  at('note').textContent = '';
  try {
    Object.assign(files, await read());
    await compile();
  } catch (error) {
    at('status').textContent = 'The model is not ready.';
    throw error;
  }
  tell();
  if (picture) await classify();
}

async function compile() {
  const chosen = at('processor');
  try {
    classifier = await Classifier.load(files.bytes, files.text, chosen.value);
  } catch (error) {
    if (chosen.value === 'wasm') throw error;
    chosen.value = 'wasm';
    classifier = await Classifier.load(files.bytes, files.text, 'wasm');
    at('note').textContent = `It runs on the CPU and not on the GPU. ${error.message}`;
  }
}

function tell() {
  const {contract, processor, hashed, whole} = classifier;
  const partly = processor === 'webgpu' && !whole ? ', partly on the CPU' : '';
  const facts = {
    Name: contract.name,
    Precision: contract.precision,
    Size: `${(files.bytes.length / 1e6).toFixed(2)} MB`,
    Input: contract.image.shape.slice(1).join(' × '),
    Processor: NAMES[processor] + partly,
    Checked: hashed ? 'sha256, tensors, golden output'
      : 'tensors, golden output; not the sha256, which browsers compute on https and localhost only',
  };
  at('facts').replaceChildren(...Object.entries(facts).flatMap(
    ([name, value]) => [element('dt', name), element('dd', value)]));
  at('blind').hidden = Boolean(contract.attention);
  at('status').textContent = `The model ${contract.name} is ready.`;
}

async function showPicture(source, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(source, {colorSpaceConversion: 'none', premultiplyAlpha: 'none'});
  } catch (error) {
    throw new Explained('The file must be a picture that this browser can read',
      {file: name, type: source.type, error: error.message}, 'choose a JPEG, PNG or WebP file');
  }
  picture = read(bitmap);
  const scale = Math.min(1, SHOWN / Math.max(bitmap.width, bitmap.height));
  const canvas = at('seen');
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  canvas.setAttribute('aria-label', `The picture ${name}`);
  at('stage').style.setProperty('--aspect', bitmap.width / bitmap.height);
  bitmap.close();
  at('stage').hidden = false;
  forget();
  if (classifier) await classify();
}

/** Takes the last result off the page: it is not of this picture and model. */
function forget() {
  at('result').textContent = picture ? 'No result.' : 'No picture yet.';
  at('ranking').replaceChildren();
  at('latency').textContent = '';
  for (const id of ['save', 'heat', 'attention']) at(id).hidden = true;
}

async function classify() {
  at('result').textContent = 'Looking …';
  const seen = await classifier.classify(picture);
  const {contract} = classifier;
  const top = seen.ranked.slice(0, TOP);
  at('result').textContent = `${top[0].label}, ${percent(top[0].probability)}`;
  at('ranking').replaceChildren(...top.map(({label, probability}) => {
    const bar = Object.assign(element('meter'), {value: probability});
    bar.setAttribute('aria-hidden', 'true');
    const row = element('li');
    row.append(element('span', label), element('span', percent(probability)), bar);
    return row;
  }));
  at('latency').textContent = `${seen.median_ms.toFixed(1)} ms per picture on the ` +
    `${NAMES[classifier.processor]}, median of ${seen.runs} runs.`;
  if (contract.attention) showAttention(seen.attention, contract.attention.shape);
  save({
    model: contract.name, sha256: contract.sha256, processor: classifier.processor,
    median_ms: seen.median_ms, runs: seen.runs, top, outputs: Object.fromEntries(
      Object.entries(seen.outputs).map(([name, values]) => [name, Array.from(values, Number)])),
  });
}

function showAttention(grid, shape) {
  const canvas = at('heat');
  [, canvas.height, canvas.width] = shape;
  canvas.getContext('2d').putImageData(
    new ImageData(colours(grid), canvas.width, canvas.height), 0, 0);
  at('least').textContent = percent(Math.min(...grid));
  at('most').textContent = percent(Math.max(...grid));
  at('where').textContent = peak(grid, shape);
  at('attention').hidden = false;
  canvas.hidden = !at('overlay').checked;
}

function save(numbers) {
  const link = at('save');
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(
    new Blob([JSON.stringify(numbers, null, 1)], {type: 'application/json'}));
  link.hidden = false;
}

async function openCamera() {
  if (!navigator.mediaDevices) {
    throw new Explained('Browsers lend the camera to pages on https and localhost only',
      {page: location.origin}, 'open the page there, or choose a picture');
  }
  try {
    at('video').srcObject = await navigator.mediaDevices.getUserMedia(
      {video: {facingMode: 'environment'}});
  } catch (error) {
    throw new Explained('The page must be allowed to use a camera', {error: error.message},
      'plug in a camera and allow it in the browser, or choose a picture');
  }
  await at('video').play();
  cameraIs(true);
}

function closeCamera() {
  for (const track of at('video').srcObject.getTracks()) track.stop();
  at('video').srcObject = null;
  cameraIs(false);
}

function cameraIs(open) {
  at('video').hidden = at('snap').hidden = !open;
  at('camera').setAttribute('aria-pressed', String(open));
}

function element(tag, text = '') {
  return Object.assign(document.createElement(tag), {textContent: text});
}

function onFiles(id, use) {
  at(id).addEventListener('change', ({target}) => {
    const list = [...target.files];
    target.value = ''; // the same file may be chosen again
    inTurn(() => use(list));
  });
}

const takePicture = ([file]) => showPicture(file, file.name);
const takeModel = (list) => loadModel(() => pickedModel(list));

onFiles('picture', takePicture);
onFiles('files', takeModel);
at('processor').addEventListener('change', () => inTurn(() => loadModel(() => files)));
at('overlay').addEventListener('change', () => { at('heat').hidden = !at('overlay').checked; });
at('camera').addEventListener('click', () => (
  inTurn(at('video').srcObject ? closeCamera : openCamera)));
at('snap').addEventListener('click', () => inTurn(async () => {
  const frame = await createImageBitmap(at('video'));
  closeCamera();
  at('camera').focus();
  await showPicture(frame, 'from the camera');
}));
for (const [event, dropping] of [['dragover', true], ['dragleave', false], ['drop', false]]) {
  addEventListener(event, (each) => {
    each.preventDefault();
    document.body.classList.toggle('dropping', dropping);
    if (event !== 'drop') return;
    const list = [...each.dataTransfer.files];
    const ofModel = list.some(({name}) => /\.(tflite|json)$/.test(name));
    if (list.length) inTurn(() => (ofModel ? takeModel(list) : takePicture(list)));
  });
}

inTurn(() => loadModel(async () => {
  const choice = await processors();
  at('processor').replaceChildren(...choice.map(
    (each) => Object.assign(element('option', NAMES[each]), {value: each})));
  at('processor').disabled = choice.length === 1;
  return fetchModel(new URLSearchParams(location.search).get('model') ?? DEFAULT_MODEL);
}));
