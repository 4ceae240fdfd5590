import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** `infra/` writes the file when all processes of a Procfile are started at once. */
const WAIT_MS = 60_000;
const POLL_MS = 100;
/** Where `infra/` writes the files of the development system. */
const DEVELOPMENT = join('.data', 'development', 'identities');

/**
 * Adds what IDENTITY_FILE holds to an environment: the key, users and passwords of one process, as `NAME=value` lines.
 * What the environment sets itself comes first. Outside production it waits for a file that does not exist yet. A process that
 * is started by hand, without the variable, in the folder of a development system takes its own file there.
 *
 * @param main path of the program
 * @throws when the file cannot be read
 */
export function withIdentity(source: NodeJS.ProcessEnv, main: string = Bun.main): NodeJS.ProcessEnv {
  const file = source.IDENTITY_FILE || developmentFile(source, relative(process.cwd(), main));
  if (file === undefined) return source;
  const until = Date.now() + (source.NODE_ENV === 'production' ? 0 : WAIT_MS);
  while (!existsSync(file) && Date.now() < until) Bun.sleepSync(POLL_MS);
  const added: NodeJS.ProcessEnv = {};
  for (const [, name = '', value = ''] of readFileSync(file, 'utf8').matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm))
    if ((source[name] ?? '') === '') added[name] = value;
  return { ...source, ...added };
}

/** The file of a process that exists, by the folder of its program: `workers/media` is `media-worker` beside a service. */
function developmentFile(source: NodeJS.ProcessEnv, main: string): string | undefined {
  if ((source.NODE_ENV ?? 'development') !== 'development') return undefined;
  const [, kind = '', name = ''] = /^(?:(services|workers)\/([a-z-]+)|gateway)\/main\.ts$/.exec(main) ?? [];
  if (kind === '' && main !== 'gateway/main.ts') return undefined;
  const names = kind === 'workers' ? [`${name}-worker`, name] : [name || 'gateway'];
  return names.map((each) => join(DEVELOPMENT, `${each}.env`)).find((file) => existsSync(file));
}
