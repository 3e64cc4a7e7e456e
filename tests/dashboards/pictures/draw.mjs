// Bundles the page and takes its picture in headless Chromium: node draw.mjs JOBS.json FOLDER
// JOBS.json: {prometheus, jobs: [{name, board, values, shown, from, to, step, theme, width}]}. Prints each job's faults as JSON.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';

const { prometheus, jobs } = JSON.parse(readFileSync(process.argv[2]));
const folder = process.argv[3];
mkdirSync(folder, { recursive: true });
const here = dirname(fileURLToPath(import.meta.url));
const { resolve: find } = createRequire(import.meta.url);
// What Grafana serves beside its page.
const PUBLIC = {
  '/public/build/': join(dirname(find('@grafana/ui/package.json')), 'dist/public/'),
  '/public/fonts/inter/Inter-Regular.woff2': find('@fontsource/inter/files/inter-latin-400-normal.woff2'),
  '/public/fonts/inter/Inter-Medium.woff2': find('@fontsource/inter/files/inter-latin-500-normal.woff2'),
};

// Editors and maps are large, and no dashboard here draws any.
const stub = {
  name: 'stub',
  setup(plugin) {
    plugin.onResolve({ filter: /^(monaco-editor|react-monaco-editor|@monaco-editor\/react|ol)(\/|$)/ }, ({ path }) => ({ path, namespace: 'stub' }));
    plugin.onLoad({ filter: /.*/, namespace: 'stub' }, () => ({ contents: 'module.exports = new Proxy(function () {}, { get: (t, k) => k === "__esModule" ? false : t });' }));
  },
};
await build({
  entryPoints: [join(here, 'main.jsx')],
  bundle: true,
  outfile: join(folder, 'page/main.js'),
  jsx: 'automatic',
  format: 'iife',
  minify: true,
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.woff': 'dataurl', '.woff2': 'dataurl', '.svg': 'dataurl', '.png': 'dataurl' },
  plugins: [stub],
  logLevel: 'error',
});
const PAGE = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="/main.css"><div id="root"></div><script src="/main.js"></script>';
const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname);
  if (path === '/') return response.writeHead(200, { 'Content-Type': 'text/html' }).end(PAGE);
  const known = Object.keys(PUBLIC).find((start) => path.startsWith(start));
  const file = known ? PUBLIC[known] + path.slice(known.length) : join(folder, 'page', path);
  try {
    const body = readFileSync(file);
    response.writeHead(200, { 'Content-Type': TYPES[file.split('.').pop()] ?? 'application/octet-stream' }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--lang=en-GB'],
  env: { ...process.env, TZ: 'UTC' },
});

async function picture(job) {
  const faults = [];
  const page = await browser.newPage();
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()} ${message.location().url ?? ''}`));
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  await page.setViewport({ width: job.width, height: 1000 });
  await page.evaluateOnNewDocument((setup) => {
    window.SETUP = setup;
    const ahead = setup.to * 1000 - Date.now(); // "in 3 days" is counted from the end of the history
    const Real = Date;
    window.Date = class extends Real {
      constructor(...parts) { super(...(parts.length ? parts : [Real.now() + ahead])); }
      static now() { return Real.now() + ahead; }
    };
  }, { prometheus, ...job });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const drawn = await page.waitForFunction(
    (count) => document.querySelectorAll('[data-panel]').length === count && !document.querySelector('[data-state=loading]'),
    { timeout: 60000 }, job.board.panels.length).then(() => true, () => false);
  if (!drawn) faults.push('panels are missing or still load');
  await new Promise((resolve) => setTimeout(resolve, 300)); // graphs are drawn in an animation frame
  const panels = await page.$$eval('[data-panel]', (all) => all.map((one) => ({
    title: one.dataset.panel,
    state: one.dataset.state,
    empty: one.dataset.empty === 'true',
    message: one.dataset.message || one.querySelector('[data-crashed]')?.dataset.crashed || '',
    noData: one.innerText.includes('No data'),
  })));
  for (const { title, state, message, noData } of panels) {
    if (state === 'error' || message) faults.push(`panel "${title}": ${message}`);
    if (noData) faults.push(`panel "${title}" says No data`);
  }
  const height = await page.evaluate(() => document.getElementById('board')?.offsetHeight ?? 100);
  await page.setViewport({ width: job.width, height });
  await new Promise((resolve) => setTimeout(resolve, 200));
  await page.screenshot({ path: join(folder, `${job.name}.png`) });
  await page.close();
  return { faults, empty: panels.filter((one) => one.empty).map((one) => one.title) };
}

const answer = {};
for (const job of jobs) answer[job.name] = await picture(job);
await browser.close();
server.close();
writeFileSync(join(folder, 'faults.json'), JSON.stringify(answer, null, 1));
console.log(JSON.stringify(answer));
