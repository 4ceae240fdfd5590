import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Runs the benchmarks named, or all of them one after the other: they would disturb each other. */
const benchmarks = readdirSync(import.meta.dir, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !benchmarks.includes(name));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${benchmarks.join(', ')}`);
  process.exit(1);
}

let failed = 0;
for (const name of asked.length > 0 ? asked : benchmarks) {
  console.log(`\n=== ${name} ===`);
  const run = Bun.spawn([process.execPath, join(import.meta.dir, name, 'main.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if ((await run.exited) !== 0) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
