import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readJson, writeJson } from '../infra/state';
import { excludeUnused, MINIFY } from './build/options';
import { programsOf } from './build/programs';
import { slimSourceMap } from './build/source-map';

/**
 * Bundles every process of the Procfile into `dist/<its folder>/main.js`, for example `bun dist/services/users/main.js`;
 * an argument names another folder of the project than `dist`. With `--compact`, bundles the process that runs all of them
 * into `dist/compact/compact/main.js`, and what they share once. A bundle starts faster and uses less memory; `node_modules`
 * is still needed beside it. Unchanged bundles are not rebuilt.
 */
const ROOT = join(import.meta.dir, '..');
const { values: options, positionals } = parseArgs({
  options: { compact: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const DIST = resolve(positionals[0] ?? join(ROOT, 'dist', options.compact ? 'compact' : ''));
/** These read files of their own package at run time, so they cannot be bundled; they are loaded on demand. */
const NOT_BUNDLED = ['@grpc/reflection', 'pino-pretty', 'sharp'];
/** Loaded only when traces are exported, or a passkey is verified: otherwise not even their source should be in memory. */
const RARELY_LOADED = [
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
  '@simplewebauthn/server',
];
/** A change of one of these may change every bundle: the packages, and the build scripts. */
const COMMON_INPUTS = [
  ...['bun.lock', 'package.json', 'tsconfig.json'],
  ...['build.ts', 'build/options.ts', 'build/programs.ts', 'build/source-map.ts'].map((name) =>
    relative(ROOT, join(import.meta.dir, name)),
  ),
];

/** The inputs of a bundle: paths from the project's root, with the hash of their content. */
interface BuildRecord {
  readonly bun: string;
  readonly inputs: Readonly<Record<string, string>>;
}

async function main(): Promise<number> {
  // Bun reports the inputs of a bundle relative to the working directory.
  process.chdir(ROOT);
  const folders = programsOf(readFileSync(join(ROOT, 'Procfile'), 'utf8')).flatMap(({ module }) =>
    module.endsWith('/main.ts') ? dirname(module) : [],
  );
  if (options.compact) folders.push('compact');
  const outdated = folders.filter((folder) => !isUpToDate(folder));
  // They share chunks.
  const changed = options.compact && outdated.length > 0 ? folders : outdated;
  if (changed.length > 0 && !(await bundle(changed))) return 1;
  for (const folder of folders) copyMigrations(folder);
  console.log(
    changed.length === 0
      ? `All ${folders.length} bundles are up to date`
      : `Built ${changed.length} of ${folders.length} bundles`,
  );
  return 0;
}

/** Together, so that the files they share are parsed once. */
async function bundle(folders: readonly string[]): Promise<boolean> {
  const started = performance.now();
  for (const folder of folders) {
    if (!existsSync(join(ROOT, folder, 'main.ts'))) {
      console.error(`The Procfile refers to ${folder}/main.ts, which does not exist`);
      return false;
    }
    rmSync(options.compact ? DIST : join(DIST, folder), { recursive: true, force: true });
  }
  const { success, logs, outputs, metafile } = await Bun.build({
    // Child processes have entry points beside `main`.
    entrypoints: folders.flatMap((folder) => [
      join(ROOT, folder, 'main.ts'),
      ...globSync(join(ROOT, folder, '*-process.ts')),
    ]),
    outdir: DIST,
    root: ROOT,
    target: 'bun',
    splitting: options.compact,
    minify: MINIFY,
    sourcemap: 'linked',
    metafile: true,
    external: [...NOT_BUNDLED, ...RARELY_LOADED],
    plugins: [excludeUnused],
    throw: false,
  });
  if (!success) {
    console.error('Bundling failed:');
    for (const log of logs) console.error(`  ${log}`);
    return false;
  }
  for (const { kind, path } of outputs) if (kind === 'sourcemap') await slimSourceMap(path, sourceOf(path));
  const built = Object.entries(metafile?.outputs ?? {});
  for (const folder of folders) {
    const own = options.compact ? built : built.filter(([file]) => file.startsWith(`${folder}/`));
    writeRecord(
      folder,
      own.flatMap(([, { inputs }]) => Object.keys(inputs)),
    );
    const { size } = Bun.file(join(DIST, folder, 'main.js'));
    console.log(`${relative(ROOT, DIST)}/${folder}/main.js  ${Math.round(size / 1024)} KB`);
  }
  console.log(`Bundled in ${Math.round(performance.now() - started)} ms`);
  return true;
}

/** Bun names sources as if the bundles were written into the sources' own folders. */
const sourceOf = (map: string) => (source: string) =>
  relative(dirname(map), join(ROOT, relative(DIST, resolve(dirname(map), source))));

const recordOf = (folder: string) => join(DIST, folder, 'inputs.json');

function isUpToDate(folder: string): boolean {
  const record = readJson<BuildRecord>(recordOf(folder));
  if (record?.bun !== Bun.version || !existsSync(join(DIST, folder, 'main.js'))) return false;
  return Object.entries(record.inputs).every(([file, hash]) => hashOf(file) === hash);
}

/** Packages are not recorded one by one: the lock file covers them. */
function writeRecord(folder: string, inputs: readonly string[]): void {
  const own = inputs.filter((file) => !file.includes('node_modules/') && existsSync(join(ROOT, file)));
  const files = [...new Set([...COMMON_INPUTS, ...own])];
  mkdirSync(join(DIST, folder), { recursive: true });
  const record: BuildRecord = {
    bun: Bun.version,
    inputs: Object.fromEntries(files.map((file) => [file, hashOf(file)])),
  };
  writeJson(recordOf(folder), record);
}

const hashes = new Map<string, string>();

/** Cached, as most files are part of several bundles. */
function hashOf(file: string): string {
  let hash = hashes.get(file);
  if (hash === undefined) {
    const path = join(ROOT, file);
    hash = existsSync(path) ? Bun.hash(readFileSync(path)).toString(16) : 'missing';
    hashes.set(file, hash);
  }
  return hash;
}

/** A service reads its migrations from the folder of its `main`. */
function copyMigrations(folder: string): void {
  const migrations = join(ROOT, folder, 'migrations');
  const copy = join(DIST, folder, 'migrations');
  rmSync(copy, { recursive: true, force: true });
  if (existsSync(migrations)) cpSync(migrations, copy, { recursive: true });
}

process.exitCode = await main();
