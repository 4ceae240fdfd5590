import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';

/**
 * Writes a `.env` with secrets of this machine's own, readable by its user alone, unless there is one already.
 *
 * @returns whether it was written
 */
export function createEnvironmentFile(file: string): boolean {
  if (existsSync(file)) return false;
  const secret = () => randomBytes(32).toString('hex');
  writeFileSync(
    file,
    `# Made by \`make up\`. Every variable there is: .env.example\nINTERNAL_SECRET=${secret()}\nJWT_SECRET=${secret()}\n`,
    { mode: 0o600, flag: 'wx' },
  );
  return true;
}
