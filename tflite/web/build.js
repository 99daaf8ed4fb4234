/** Copies the page and LiteRT.js to a folder that any static server can serve: `node build.js [FOLDER]`. */

import {cpSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

const here = import.meta.dirname;
const out = process.argv[2] ?? join(here, 'dist');
const litert = join(here, 'node_modules', '@litertjs');
const bare = '"@litertjs/wasm-utils"';

const core = readFileSync(join(litert, 'core', 'dist', 'index.js'), 'utf8').split(bare);
if (core.length !== 2) {
  throw new Error(`@litertjs/core must import ${bare} once. Received: ${core.length - 1} times. ` +
    'To fix: install the version that package-lock.json names with `npm ci`.');
}
mkdirSync(join(out, 'litert'), {recursive: true});
cpSync(join(here, 'src'), out, {recursive: true});
cpSync(join(litert, 'core', 'wasm'), join(out, 'litert', 'wasm'), {
  recursive: true, filter: (source) => !source.includes('_threaded_')});
cpSync(join(litert, 'wasm-utils', 'dist', 'index.js'), join(out, 'litert', 'wasm_utils.js'));
writeFileSync(join(out, 'litert', 'core.js'), core.join('"./wasm_utils.js"'));
