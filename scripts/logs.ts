import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DEVELOPMENT_FOLDER } from '../infra/state';

/** Follows the logs of one process (`bun scripts/logs.ts users`) or of all, until Ctrl-C. */
const folder = join(DEVELOPMENT_FOLDER, 'logs');
const [name] = process.argv.slice(2);
const known = existsSync(folder)
  ? readdirSync(folder)
      .flatMap((file) => /^(.+)\.log$/.exec(file)?.[1] ?? [])
      .sort()
  : [];

if (known.length === 0) {
  console.error('There are no logs yet. Start the system with `make up`.');
  process.exit(1);
}
if (name !== undefined && !known.includes(name)) {
  console.error(`No process is named ${name}. Available logs: ${known.join(', ')}`);
  process.exit(1);
}
const files = (name === undefined ? known : [name]).map((each) => join(folder, `${each}.log`));
process.on('SIGINT', () => process.exit(0));
// -F follows the new file when a log is rotated.
await Bun.spawn(['tail', '-n', name === undefined ? '5' : '100', '-F', ...files], {
  stdio: ['ignore', 'inherit', 'ignore'],
}).exited;
