import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..');
const EXAMPLE = 'Example: make migration name=users as=add-nickname';

/** Generates the migration from a service's last migration to its current `schema.ts`. */
function main([service = '', name = '']: string[]): number {
  const folder = `services/${service}`;
  if (!/^[a-z0-9-]+$/.test(service) || !existsSync(join(ROOT, folder, 'schema.ts'))) {
    console.error(`No service "${service}" with a schema.ts exists. ${EXAMPLE}`);
    return 2;
  }
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    console.error(`Describe the change in lower-case words joined by "-": as=… ${EXAMPLE}`);
    return 2;
  }
  // Interactive: it asks whether a missing column was renamed.
  const { exitCode } = Bun.spawnSync(
    [
      ...[join(ROOT, 'node_modules', '.bin', 'drizzle-kit'), 'generate', '--dialect', 'mysql'],
      ...['--schema', `${folder}/schema.ts`, '--out', `${folder}/migrations`, '--name', name],
    ],
    { cwd: ROOT, stdio: ['inherit', 'inherit', 'inherit'] },
  );
  return exitCode;
}

process.exitCode = main(process.argv.slice(2));
