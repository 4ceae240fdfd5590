import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';

/**
 * Creates a `.env` with generated secrets, readable by its owner only, unless the file exists.
 *
 * @returns whether it was created
 */
export function createEnvironmentFile(file: string): boolean {
  if (existsSync(file)) return false;
  const secret = () => randomBytes(32).toString('hex');
  writeFileSync(
    file,
    `# Created by \`make up\`. All variables: .env.example\nINTERNAL_SECRET=${secret()}\nJWT_SECRET=${secret()}\n`,
    { mode: 0o600, flag: 'wx' },
  );
  return true;
}
