import { join } from 'node:path';

/**
 * Installs missing system packages of the servers and shows the progress.
 *
 * @param forTests also installs packages that only tests need
 * @returns false when the installation failed; the reason has been printed
 */
export function installServers({ forTests = false } = {}): boolean {
  const script = join(import.meta.dir, 'install.sh');
  return (
    Bun.spawnSync(['sh', script, ...(forTests ? ['tests'] : [])], {
      stdio: ['inherit', 'inherit', 'inherit'],
    }).exitCode === 0
  );
}
