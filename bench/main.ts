import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Runs the given benchmarks, or all of them, sequentially so that they do not disturb each other. */
const benchmarks = readdirSync(import.meta.dir, { withFileTypes: true })
  .filter(({ name }) => existsSync(join(import.meta.dir, name, 'main.ts')))
  .map(({ name }) => name)
  .sort();
const requested = process.argv.slice(2);
const unknown = requested.filter((name) => !benchmarks.includes(name));
if (unknown.length > 0) {
  console.error(`Unknown benchmark: ${unknown.join(', ')}. Available: ${benchmarks.join(', ')}`);
  process.exit(1);
}

let failed = 0;
for (const name of requested.length > 0 ? requested : benchmarks) {
  console.log(`\n=== ${name} ===`);
  const run = Bun.spawn([process.execPath, join(import.meta.dir, name, 'main.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if ((await run.exited) !== 0) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
