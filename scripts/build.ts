import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseProcfile } from './procfile';

/**
 * Bundles every process of the Procfile into `dist/<its folder>/main.js`, to be run from there: `bun
 * dist/services/users/main.js`. A bundle starts faster and takes less memory; `node_modules` has to stay beside.
 */
const ROOT = join(import.meta.dir, '..');
const DIST = join(ROOT, 'dist');
/** Read files of their own package at run time, so they have to stay where they are; loaded only when asked for. */
const LEFT_IN_NODE_MODULES = ['@grpc/reflection', 'pino-pretty', 'swagger-ui-dist'];

async function main(): Promise<number> {
  rmSync(DIST, { recursive: true, force: true });
  const folders = parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8'))
    .flatMap(({ command }) => /\b(\S+)\/main\.ts\b/.exec(command)?.[1] ?? [])
    .filter((folder) => folder !== 'infra');
  for (const folder of folders) if (!(await bundle(folder))) return 1;
  return 0;
}

async function bundle(folder: string): Promise<boolean> {
  const started = performance.now();
  const outdir = join(DIST, folder);
  const { success, logs, outputs } = await Bun.build({
    entrypoints: [join(ROOT, folder, 'main.ts')],
    outdir,
    target: 'bun',
    minify: true,
    external: LEFT_IN_NODE_MODULES,
    throw: false,
  });
  if (!success) {
    console.error(`${folder} cannot be bundled:`);
    for (const log of logs) console.error(`  ${log}`);
    return false;
  }
  copyMigrations(folder, outdir);
  const bytes = outputs.reduce((sum, output) => sum + output.size, 0);
  const ms = Math.round(performance.now() - started);
  console.log(`dist/${folder}/main.js  ${Math.round(bytes / 1024)} KB  ${ms} ms`);
  return true;
}

/** A service reads them from beside its `main`. */
function copyMigrations(folder: string, outdir: string): void {
  const migrations = join(ROOT, folder, 'migrations');
  if (existsSync(migrations)) cpSync(migrations, join(outdir, 'migrations'), { recursive: true });
}

process.exitCode = await main();
