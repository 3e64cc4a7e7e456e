// JSON schemas of types.ts: schemasOf(folder) reads them from a folder, where it first puts them, as making them takes seconds.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFormatter, createParser, createProgram, SchemaGenerator } from 'ts-json-schema-generator';

const TYPES = ['Board', 'Panel', 'Row', 'Query', 'OptionsOfBargauge', 'OptionsOfStat', 'OptionsOfTable', 'OptionsOfText',
  'OptionsOfTimeseries', 'CustomOfTimeseries', 'CustomOfTable'];

const here = dirname(fileURLToPath(import.meta.url));

function make() {
  const config = {
    path: join(here, 'types.ts'),
    tsconfig: join(here, 'tsconfig.json'),
    expose: 'none',
    topRef: true,
    additionalProperties: false,
    skipTypeCheck: true,
  };
  const program = createProgram(config);
  // One type at a time: together, types of the same name in two packages cannot be told apart.
  return Object.fromEntries(TYPES.map((type) => {
    const options = { ...config, type };
    return [type, new SchemaGenerator(program, createParser(program, options), createFormatter(options), options).createSchema(type)];
  }));
}

export function schemasOf(folder) {
  const from = ['types.ts', '../package-lock.json'].map((name) => readFileSync(join(here, name)));
  const file = join(folder, `schemas-${createHash('sha256').update(Buffer.concat(from)).digest('hex').slice(0, 16)}.json`);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify(make()));
  }
  return JSON.parse(readFileSync(file));
}
