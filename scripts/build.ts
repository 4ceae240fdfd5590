import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { BunPlugin } from 'bun';
import { readJson, writeJson } from '../infra/state';
import { parseProcfile } from './procfile';
import { slimSourceMap } from './source-map';

/**
 * Bundles every process of the Procfile into `dist/<its folder>/main.js`, to be run from there: `bun
 * dist/services/users/main.js`. A bundle starts faster and takes less memory; `node_modules` has to stay beside.
 * What has not changed since the last build is left as it is.
 */
const ROOT = join(import.meta.dir, '..');
const DIST = join(ROOT, 'dist');
/** Read files of their own package at run time, so they have to stay where they are; loaded only when asked for. */
const READ_THEIR_OWN_FILES = ['@grpc/reflection', 'pino-pretty', 'sharp', 'swagger-ui-dist'];
/** Loaded only where traces are sent somewhere: elsewhere not even its text should be in memory. */
const SELDOM_LOADED = [
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
];
/**
 * Parts of packages that nothing here calls, for the page of Scalar and for the modules of Redis Stack, with the
 * validators and commands they bring: 8 MB in each process (measured).
 */
const LEFT_OUT = /^@(scalar\/themes|redis\/(bloom|json|search|time-series))$/;
/** A change of one of these may change every bundle: the packages, and how bundles are made. */
const INPUTS_OF_ALL = [
  ...['bun.lock', 'package.json', 'tsconfig.json'],
  ...['build.ts', 'source-map.ts'].map((name) => relative(ROOT, join(import.meta.dir, name))),
];

/** What a bundle was made from: files from the project's root, with the hash of their content. */
interface BuildRecord {
  readonly bun: string;
  readonly inputs: Readonly<Record<string, string>>;
}

async function main(): Promise<number> {
  // Bun names the inputs of a bundle from the working directory.
  process.chdir(ROOT);
  const folders = parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8'))
    .flatMap(({ command }) => /\b(\S+)\/main\.ts\b/.exec(command)?.[1] ?? [])
    .filter((folder) => folder !== 'infra');
  const changed = folders.filter((folder) => !isUpToDate(folder));
  for (const folder of changed) if (!(await bundle(folder))) return 1;
  for (const folder of folders) copyMigrations(folder);
  console.log(
    changed.length === 0
      ? `${folders.length} bundles are up to date`
      : `${changed.length} of ${folders.length} bundles made anew`,
  );
  return 0;
}

async function bundle(folder: string): Promise<boolean> {
  const started = performance.now();
  const outdir = join(DIST, folder);
  if (!existsSync(join(ROOT, folder, 'main.ts'))) {
    console.error(`The Procfile names ${folder}/main.ts, which is not there`);
    return false;
  }
  rmSync(outdir, { recursive: true, force: true });
  const { success, logs, outputs, metafile } = await Bun.build({
    // What it starts as processes of their own stands beside `main`.
    entrypoints: [join(ROOT, folder, 'main.ts'), ...globSync(join(ROOT, folder, '*-process.ts'))],
    outdir,
    root: join(ROOT, folder),
    target: 'bun',
    // Names stay as they are: they are what a stack trace is read by, and take no memory worth mentioning.
    minify: { whitespace: true, syntax: true, identifiers: false },
    sourcemap: 'linked',
    metafile: true,
    external: [...READ_THEIR_OWN_FILES, ...SELDOM_LOADED],
    plugins: [leaveOut],
    throw: false,
  });
  if (!success) {
    console.error(`${folder} cannot be bundled:`);
    for (const log of logs) console.error(`  ${log}`);
    return false;
  }
  for (const { kind, path } of outputs) if (kind === 'sourcemap') await slimSourceMap(path);
  writeRecord(folder, Object.keys(metafile?.inputs ?? {}));
  const bytes = outputs.find(({ kind }) => kind === 'entry-point')?.size ?? 0;
  const ms = Math.round(performance.now() - started);
  console.log(`dist/${folder}/main.js  ${Math.round(bytes / 1024)} KB  ${ms} ms`);
  return true;
}

/** `elysiajsTheme` is all that anything asks for by name. */
const leaveOut: BunPlugin = {
  name: 'leave-out',
  setup(build) {
    build.onResolve({ filter: LEFT_OUT }, ({ path }) => ({ path, namespace: 'left-out' }));
    build.onLoad({ filter: LEFT_OUT, namespace: 'left-out' }, () => ({
      contents: "export const elysiajsTheme = '';\nexport default {};\n",
      loader: 'js',
    }));
  },
};

const recordOf = (folder: string) => join(DIST, folder, 'inputs.json');

function isUpToDate(folder: string): boolean {
  const record = readJson<BuildRecord>(recordOf(folder));
  if (record?.bun !== Bun.version || !existsSync(join(DIST, folder, 'main.js'))) return false;
  return Object.entries(record.inputs).every(([file, hash]) => hashOf(file) === hash);
}

/** Packages are left out: the lock file stands for them. */
function writeRecord(folder: string, inputs: readonly string[]): void {
  const own = inputs.filter((file) => !file.includes('node_modules/') && existsSync(join(ROOT, file)));
  const files = [...new Set([...INPUTS_OF_ALL, ...own])];
  mkdirSync(join(DIST, folder), { recursive: true });
  const record: BuildRecord = {
    bun: Bun.version,
    inputs: Object.fromEntries(files.map((file) => [file, hashOf(file)])),
  };
  writeJson(recordOf(folder), record);
}

const hashes = new Map<string, string>();

/** Of a file from the project's root; most are part of several bundles. */
function hashOf(file: string): string {
  let hash = hashes.get(file);
  if (hash === undefined) {
    const path = join(ROOT, file);
    hash = existsSync(path) ? Bun.hash(readFileSync(path)).toString(16) : 'missing';
    hashes.set(file, hash);
  }
  return hash;
}

/** A service reads them from beside its `main`. */
function copyMigrations(folder: string): void {
  const migrations = join(ROOT, folder, 'migrations');
  const copy = join(DIST, folder, 'migrations');
  rmSync(copy, { recursive: true, force: true });
  if (existsSync(migrations)) cpSync(migrations, copy, { recursive: true });
}

process.exitCode = await main();
