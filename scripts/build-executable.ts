import { globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { version } from '../package.json';
import {
  EXECUTABLE_ROOT,
  embeddedFiles,
  embedReflectionProtos,
  embedSharp,
  projectLayout,
} from './build/embedding';
import { excludeUnused, MINIFY } from './build/options';
import { programsOf } from './build/programs';

/**
 * Builds one executable that holds every process of the Procfile, and all that they read at run time: `dist/rookery
 * users`. An argument names another file than `dist/rookery`. It needs nothing beside it but the servers.
 */
const ROOT = join(import.meta.dir, '..');
const FILE = resolve(process.argv[2] ?? join(ROOT, 'dist', 'rookery'));
/** Exists in the build only. */
const ENTRY = join(ROOT, 'scripts', 'build', 'entry.ts');

async function main(): Promise<number> {
  const started = performance.now();
  mkdirSync(dirname(FILE), { recursive: true });
  // Source maps are embedded and written beside the executable; these files are of no use.
  const folder = mkdtempSync(join(dirname(FILE), '.rookery-'));
  try {
    const { success, logs } = await Bun.build({
      entrypoints: [ENTRY],
      files: { [ENTRY]: entryText(readFileSync(join(ROOT, 'Procfile'), 'utf8')) },
      root: ROOT,
      target: 'bun',
      format: 'esm',
      // A process loads what it uses, and not the other processes.
      splitting: true,
      minify: MINIFY,
      sourcemap: 'linked',
      bytecode: true,
      loader: { '.proto': 'file' },
      naming: { asset: '[dir]/[name].[ext]' },
      plugins: [excludeUnused, projectLayout, embedReflectionProtos, embedSharp],
      compile: { outfile: join(folder, 'rookery') },
      throw: false,
    });
    for (const log of logs) console.error(`  ${log}`);
    if (!success) return 1;
    renameSync(join(folder, 'rookery'), FILE);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const size = Math.round(statSync(FILE).size / 1024 / 1024);
  console.log(`${relative(ROOT, FILE)}  ${size} MB, built in ${Math.round(performance.now() - started)} ms`);
  return 0;
}

/** The entry point: a table of all programs, whose modules are imported when they are started. */
function entryText(procfile: string): string {
  const programs = programsOf(procfile);
  const children = programs.flatMap(({ module }) =>
    globSync(`${dirname(module)}/*-process.ts`, { cwd: ROOT }).map((child) => ({ module: child })),
  );
  const line = (program: { readonly module: string }) =>
    `  { ...${JSON.stringify(program)}, load: () => import(${pathOf(program.module)}) },`;
  return [
    "import { dispatch } from './dispatcher';",
    ...embeddedFiles().map(
      (file, index) => `import file${index} from ${pathOf(file)} with { type: 'file' };`,
    ),
    `export const embedded = [${embeddedFiles().map((_, index) => `file${index}`)}];`,
    'const programs = [',
    ...[...programs, ...children].map(line),
    '];',
    `await dispatch(programs, { root: ${JSON.stringify(EXECUTABLE_ROOT)}, version: ${JSON.stringify(version)} });`,
  ].join('\n');
}

const pathOf = (file: string) => JSON.stringify(join(ROOT, file));

process.exitCode = await main();
