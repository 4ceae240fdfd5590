import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What one process proves itself with. */
export interface Identity {
  /** The name of the process in the Procfile. */
  readonly name: string;
  /** Ed25519: 32 bytes as base64url. */
  readonly privateKey: string;
  readonly publicKey: string;
  /** Of its users at the servers of the stack. */
  readonly password: string;
  /** INTERNAL_SECRET; undefined where data of before exists, which was encrypted with that of `.env`. */
  readonly secret: string | undefined;
}

/** DER of an Ed25519 private key is this and the 32 bytes of the seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Reads the identities of a stack's processes, and creates those that are missing. Each has a file of its own,
 * `<folder>/<process>.env`, readable by its owner only: IDENTITY_FILE of that process.
 *
 * @param processes their names in the Procfile
 * @param stack.servers the servers of the stack, at which each process has a user of its own
 * @param stack.isNew whether no data exists that was encrypted with a secret of before
 */
export function prepareIdentities(
  folder: string,
  processes: readonly string[],
  stack: { readonly servers: readonly string[]; readonly isNew: boolean },
): Identity[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const present = new Set(readdirSync(folder));
  const identities = processes.map((name) =>
    present.has(fileOf(name)) ? readIdentity(folder, name) : createIdentity(name, stack.isNew),
  );
  const publicKeys = identities.map(({ name, publicKey }) => `${name}=${publicKey}`).join(' ');
  for (const identity of identities)
    write(join(folder, fileOf(identity.name)), linesOf(identity, publicKeys, stack.servers));
  return identities;
}

const fileOf = (name: string) => `${name}.env`;

/** The processes of the Procfile that call or are called, or use a server. */
export function processesWithIdentity(procfile: string): string[] {
  return [...procfile.matchAll(/^([a-z0-9-]+): .*\bIDENTITY_FILE=/gm)].map(([, name = '']) => name);
}

function createIdentity(name: string, isNew: boolean): Identity {
  const { d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const secret = isNew ? randomPassword() : undefined;
  return { name, privateKey: d, publicKey: publicKeyOf(d), password: randomPassword(), secret };
}

function readIdentity(folder: string, name: string): Identity {
  const text = readFileSync(join(folder, fileOf(name)), 'utf8');
  const settings = new Map(
    [...text.matchAll(/^([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, variable = '', value = '']) => [
      variable,
      value,
    ]),
  );
  const setting = (variable: string) => settings.get(variable) ?? '';
  const privateKey = setting('SERVICE_KEY');
  const password =
    setting('AMQP_PASSWORD') || setting('DB_PASSWORD') || setting('REDIS_PASSWORD') || randomPassword();
  const secret = setting('INTERNAL_SECRET') || undefined;
  return { name, privateKey, publicKey: publicKeyOf(privateKey), password, secret };
}

function publicKeyOf(privateKey: string): string {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(privateKey, 'base64url')]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return key.export({ format: 'jwk' }).x ?? '';
}

/** The password in a file that only its owner can read; created when there is none. */
export function keptPassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomPassword(), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}

export const randomPassword = () => randomBytes(24).toString('base64url');

const linesOf = (
  { name, privateKey, password, secret }: Identity,
  publicKeys: string,
  servers: readonly string[],
) =>
  [
    `# The identity of ${name}: for this process alone. Created by infra/identities.ts.`,
    `SERVICE_KEY=${privateKey}`,
    `SERVICE_KEYS=${publicKeys}`,
    ...(secret === undefined ? [] : [`INTERNAL_SECRET=${secret}`]),
    ...(servers.includes('mariadb') ? [`DB_USER=${name}`, `DB_PASSWORD=${password}`] : []),
    ...(servers.includes('redis') ? [`REDIS_USER=${name}`, `REDIS_PASSWORD=${password}`] : []),
    ...(servers.includes('rabbitmq') ? [`AMQP_USER=${name}`, `AMQP_PASSWORD=${password}`] : []),
    '',
  ].join('\n');

/** Atomically: a process may be waiting for its file. */
function write(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
