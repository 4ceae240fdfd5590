import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

const secret = () => randomBytes(32).toString('hex');
/** The operator types it. */
const password = () => randomBytes(12).toString('base64url');

/**
 * Creates a `.env` with generated secrets and the password of the first administrator, readable by its owner only. An
 * existing file is kept; for a new system the password is added to it.
 *
 * @param options.isNew whether the system has no administrator yet
 * @returns what was done, for the person who starts the system; undefined when nothing was
 */
export function prepareEnvironmentFile(file: string, options: { isNew: boolean }): string | undefined {
  const administrator = `# The first administrator, ADMIN_USERNAME\nADMIN_PASSWORD=${password()}\n`;
  if (!existsSync(file)) {
    writeFileSync(
      file,
      `# Created by \`make up\`. All variables: .env.example\nJWT_SECRET=${secret()}\n${options.isNew ? administrator : ''}`,
      { mode: 0o600, flag: 'wx' },
    );
    return 'Created .env with generated secrets';
  }
  const text = readFileSync(file, 'utf8');
  if (!options.isNew || /^[ \t]*(?:export[ \t]+)?ADMIN_PASSWORD[ \t]*=[ \t]*\S/m.test(text)) return undefined;
  appendFileSync(file, `${text === '' || text.endsWith('\n') ? '' : '\n'}${administrator}`);
  chmodSync(file, 0o600);
  return 'Added the password of the first administrator to .env';
}
