import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isPortFree } from '../../infra/ports';
import { processesOf } from '../../infra/processes';
import { GATEWAY_PORT, REGISTRY_PORT } from '../../scripts/up/welcome';

const ROOT = join(import.meta.dir, '..', '..');

/** A copy of this project with installed packages and no data: what `make up` starts from after the first installation. */
export interface Copy {
  /** Runs a script of the copy. @returns its output @throws with the output when it fails */
  run(script: string, ...args: string[]): Promise<string>;
  /** The pids of everything that it runs. */
  pids(): number[];
  /** Stops everything and deletes the copy. */
  remove(): Promise<void>;
}

/** @throws when another system uses the ports of `make up` */
export async function copyProject(): Promise<Copy> {
  for (const port of [GATEWAY_PORT, REGISTRY_PORT])
    if (!(await isPortFree(port))) throw new Error(`Port ${port} is in use: stop the system with make down`);
  const folder = mkdtempSync(join(tmpdir(), 'rookery-start-'));
  const listing = Bun.spawnSync(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
  });
  for (const file of listing.stdout.toString().split('\0')) {
    if (file === '' || !(await Bun.file(join(ROOT, file)).exists())) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const run = async (script: string, ...args: string[]) => {
    const child = Bun.spawn([process.execPath, join(folder, script), ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [output, errors, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (code !== 0) throw new Error(`${script} exited with ${code}:\n${output}${errors}`);
    return output;
  };
  return {
    run,
    pids: () => processesOf(join(folder, '.data')),
    async remove() {
      await run('scripts/down.ts');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
