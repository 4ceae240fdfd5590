import { join } from 'node:path';

/**
 * Installs missing system packages of the servers and shows the progress.
 *
 * @param further also installs packages that only tests, or only clusters need
 * @returns false when the installation failed; the reason has been printed
 */
export function installServers(further?: 'tests' | 'cluster'): boolean {
  const script = join(import.meta.dir, 'install.sh');
  return (
    Bun.spawnSync(['sh', script, ...(further === undefined ? [] : [further])], {
      stdio: ['inherit', 'inherit', 'inherit'],
    }).exitCode === 0
  );
}
