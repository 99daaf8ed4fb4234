/** Where a model comes from: beside the page, or the device's own files. */

import {Explained} from './errors.js';

/**
 * Fetches a model from beside the page.
 *
 * @param {string} address Of its `.tflite` file; the contract of `x.tflite` is `x.tflite.json`.
 * @return {Promise<{bytes: Uint8Array, text: string}>} The file and its contract.
 */
export async function fetchModel(address) {
  const [file, contract] = await Promise.all(
    [address, `${address}.json`].map(async (each) => {
      const response = await fetch(each, {cache: 'no-cache'});
      if (!response.ok) {
        throw new Explained('The model and its contract must lie beside this page',
          {file: each, status: response.status},
          'write them there with `seqattn export`, or choose both files below');
      }
      return response;
    }));
  return {bytes: new Uint8Array(await file.arrayBuffer()), text: await contract.text()};
}

/**
 * Reads a model that was picked or dropped.
 *
 * @param {File[]} list
 * @return {Promise<{bytes: Uint8Array, text: string}>} The file and its contract.
 */
export async function pickedModel(list) {
  const names = list.map(({name}) => name);
  const file = list.find(({name}) => name.endsWith('.tflite'));
  const contract = list.find(({name}) => name.endsWith('.json'));
  if (list.length !== 2 || !file || !contract) {
    throw new Explained('A model is two files, a .tflite and its contract, a .json', {files: names},
      'choose both files of one export at once');
  }
  return {bytes: new Uint8Array(await file.arrayBuffer()), text: await contract.text()};
}
