import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from 'node:crypto';

/** What a process proves its name with, and what it knows of the others. */
export interface ServiceIdentity {
  /** The name that the other processes know its key by. */
  readonly name: string;
  /** Ed25519. */
  readonly privateKey: KeyObject;
  /** The public keys of a process, newest first; empty for an unknown one. More than one while a key is replaced. */
  publicKeysOf(name: string): readonly KeyObject[];
  /** Whether messages without a proof of their publisher are handled: those from before publishers proved themselves. */
  readonly acceptsUnsigned: boolean;
}

/** The configuration does not give this process an identity; the message says why. */
export class InvalidIdentity extends Error {
  override readonly name = 'InvalidIdentity';
}

/** DER of an Ed25519 private key is this and the 32 bytes of the seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Opens the identity of a process: that of SERVICE_KEY, under the name which SERVICE_KEYS lists it by. Without keys, the
 * development identity of the name.
 *
 * @param env.SERVICE_KEY the private key: 32 bytes, base64url
 * @param env.SERVICE_KEYS the public keys of all processes
 * @throws InvalidIdentity when the own public key is not among them
 */
export function openIdentity(
  name: string,
  env: {
    readonly SERVICE_KEY?: string | undefined;
    readonly SERVICE_KEYS?: readonly PublishedKey[] | undefined;
    readonly ACCEPT_UNSIGNED_MESSAGES?: boolean;
  },
): ServiceIdentity {
  const {
    SERVICE_KEY: seed,
    SERVICE_KEYS: published,
    ACCEPT_UNSIGNED_MESSAGES: acceptsUnsigned = false,
  } = env;
  if (seed === undefined || published === undefined) return { ...developmentIdentity(name), acceptsUnsigned };
  const privateKey = privateKeyOf(Buffer.from(seed, 'base64url'));
  const own = publicKeyText(privateKey);
  const owner = published.find(({ key }) => key === own)?.name;
  if (owner === undefined)
    throw new InvalidIdentity(`SERVICE_KEYS does not contain the public key of SERVICE_KEY (${name}=${own})`);
  const keys = new Map<string, KeyObject[]>();
  for (const { name: service, key } of published) {
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key }, format: 'jwk' });
    keys.set(service, [...(keys.get(service) ?? []), publicKey]);
  }
  return { name: owner, privateKey, publicKeysOf: (service) => keys.get(service) ?? [], acceptsUnsigned };
}

/** A public key of a process. */
export interface PublishedKey {
  readonly name: string;
  /** 32 bytes, base64url: `x` of its JWK (RFC 8037). */
  readonly key: string;
}

/** Derived from the name, so that everybody has it: for processes that are started alone, and for tests. */
export function developmentIdentity(name: string): ServiceIdentity {
  return {
    name,
    privateKey: developmentKey(name),
    publicKeysOf: (service) => [createPublicKey(developmentKey(service))],
    acceptsUnsigned: false,
  };
}

const developmentKey = (name: string) =>
  privateKeyOf(new Uint8Array(hkdfSync('sha256', 'development', 'rookery', `service key of ${name}`, 32)));

/** @param seed 32 bytes */
export const privateKeyOf = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });

/** The public key of a private one, as it is published. */
export function publicKeyText(privateKey: KeyObject): string {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('Not an Ed25519 key');
  return x;
}
