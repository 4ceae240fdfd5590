import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..');
const EXAMPLE = 'For example: make migration name=users as=add-nickname';

/** Writes the migration that brings a service's database from its last migration to what its `schema.ts` says now. */
function main([service = '', name = '']: string[]): number {
  const folder = `services/${service}`;
  if (!/^[a-z0-9-]+$/.test(service) || !existsSync(join(ROOT, folder, 'schema.ts'))) {
    console.error(`There is no service with a schema.ts called "${service}". ${EXAMPLE}`);
    return 2;
  }
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    console.error(`Say in a few words, joined by "-", what changes: as=… ${EXAMPLE}`);
    return 2;
  }
  // It asks on the terminal whether a column that is gone was renamed.
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
