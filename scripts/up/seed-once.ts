import { join } from 'node:path';
import { markOf } from '../../infra/processes';
import type { Stack } from '../../infra/stack';
import { DEVELOPMENT_FOLDER } from '../../infra/state';
import { isSeeded, markSeeded } from '../processes/system-state';

const ROOT = join(import.meta.dir, '..', '..');

/**
 * Seeds a running system with people and posts, unless that has been done.
 *
 * @param options.folder of its data, which remembers that
 * @param options.command what repeats it
 * @returns false when it failed; the reason has been printed
 */
export async function seedOnce(
  stack: Stack,
  { folder, command }: { readonly folder: string; readonly command: string },
): Promise<boolean> {
  if (isSeeded(folder)) return true;
  console.log('Seeding the new system with people and posts (once)');
  const seed = Bun.spawn([process.execPath, join(ROOT, 'scripts', 'seed.ts')], {
    cwd: ROOT,
    env: { ...process.env, ...stack.environment, ...markOf(DEVELOPMENT_FOLDER) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if ((await seed.exited) === 0) {
    markSeeded(folder);
    return true;
  }
  console.error(`Seeding failed, see above; the next \`${command}\` retries it`);
  return false;
}
