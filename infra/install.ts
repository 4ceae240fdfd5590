import { join } from 'node:path';

/**
 * Installs the servers' system packages that are missing, showing what is done.
 *
 * @param forTests also installs what only tests need
 * @returns false when something is still missing; what and why has been printed by then
 */
export function installServers({ forTests = false } = {}): boolean {
  const script = join(import.meta.dir, 'install.sh');
  return (
    Bun.spawnSync(['sh', script, ...(forTests ? ['tests'] : [])], {
      stdio: ['inherit', 'inherit', 'inherit'],
    }).exitCode === 0
  );
}
