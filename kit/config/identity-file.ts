import { existsSync, readFileSync } from 'node:fs';

/** `infra/` writes the file when all processes of a Procfile are started at once. */
const WAIT_MS = 60_000;
const POLL_MS = 100;

/**
 * Adds what IDENTITY_FILE holds to an environment: the key, users and passwords of one process, as `NAME=value` lines.
 * What the environment sets itself comes first. Outside production it waits for a file that does not exist yet.
 *
 * @throws when the file cannot be read
 */
export function withIdentity(source: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const file = source.IDENTITY_FILE;
  if (file === undefined || file === '') return source;
  const until = Date.now() + (source.NODE_ENV === 'production' ? 0 : WAIT_MS);
  while (!existsSync(file) && Date.now() < until) Bun.sleepSync(POLL_MS);
  const added: NodeJS.ProcessEnv = {};
  for (const [, name = '', value = ''] of readFileSync(file, 'utf8').matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm))
    if ((source[name] ?? '') === '') added[name] = value;
  return { ...source, ...added };
}
