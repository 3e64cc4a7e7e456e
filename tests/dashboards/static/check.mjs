// Checks dashboards against Grafana's own types and registries: node check.mjs FOLDER BOARD.json...
// Prints a JSON object: each file's faults. FOLDER keeps what takes time to make.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { schemasOf } from './schemas.mjs';

// Packages of both module systems ask for each other, which older releases of node refuse; a bundle has none of that.
const bundle = join(resolve(process.argv[2]), 'rules.cjs');
await build({
  entryPoints: [join(dirname(fileURLToPath(import.meta.url)), 'rules.mjs')],
  bundle: true,
  platform: 'node',
  outfile: bundle,
  logLevel: 'error',
});
const { compiled, faultsOf } = createRequire(import.meta.url)(bundle);

const schemas = compiled(schemasOf(process.argv[2]));
const answer = {};
for (const file of process.argv.slice(3)) answer[basename(file)] = faultsOf(JSON.parse(readFileSync(file)), schemas);
console.log(JSON.stringify(answer));
