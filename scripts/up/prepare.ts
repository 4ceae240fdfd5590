import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareEnvironmentFile } from '../processes/environment-file';

const ROOT = join(import.meta.dir, '..', '..');

/**
 * Bun has read `.env` before the script ran; what it did not contain then is added to the environment now.
 *
 * @param options.isNew whether the system has never been started: a secret of before is not needed
 */
export function prepareEnvironment(options: { isNew: boolean }): void {
  const file = join(ROOT, '.env');
  const change = prepareEnvironmentFile(file, options);
  if (change === undefined) return;
  console.log(change);
  for (const [, name = '', value = ''] of readFileSync(file, 'utf8').matchAll(/^(\w+)=(.*)$/gm))
    process.env[name] ??= value;
}

/** Bundles the processes, in a child process, so that its memory is released. */
export const buildBundles = ({ isCompact }: { isCompact: boolean }): boolean =>
  Bun.spawnSync([process.execPath, join(ROOT, 'scripts', 'build.ts'), ...(isCompact ? ['--compact'] : [])], {
    stdio: ['ignore', 'inherit', 'inherit'],
  }).exitCode === 0;
