import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseProcfile } from './procfile';

/** Bundles every process of the Procfile into `dist/<its folder>/main.js`. */
const ROOT = join(import.meta.dir, '..');
const DIST = join(ROOT, 'dist');

const entrances = parseProcfile(readFileSync(join(ROOT, 'Procfile'), 'utf8')).flatMap(
  ({ command }) => /\b(\S+\/main\.ts)\b/.exec(command)?.[1] ?? [],
);
rmSync(DIST, { recursive: true, force: true });
for (const entrance of entrances.filter(
  (path) => !path.startsWith('infra/') && existsSync(join(ROOT, path)),
)) {
  const started = performance.now();
  const outdir = join(DIST, dirname(entrance));
  const result = await Bun.build({
    entrypoints: [join(ROOT, entrance)],
    outdir,
    target: 'bun',
    minify: true,
  });
  const bytes = result.outputs.reduce((sum, output) => sum + output.size, 0);
  const ms = Math.round(performance.now() - started);
  console.log(`${outdir.slice(ROOT.length + 1)}/main.js  ${Math.round(bytes / 1024)} KB  ${ms} ms`);
}
