import type { Field } from './environment';

/** 32 bytes as base64url without padding. */
const KEY = /^[A-Za-z0-9_-]{43}$/;

/** A public key of a process, as SERVICE_KEYS lists it. */
interface ListedKey {
  readonly name: string;
  readonly key: string;
}

/** The private key of this process (Ed25519); `undefined` when the variable is unset, in development. */
export const serviceKey = (): Field<string | undefined> => ({
  parse: (value) => (KEY.test(value) ? value : { problem: 'must be 32 bytes as base64url' }),
  fallback: undefined,
  optional: true,
  neededBy: 'SERVICE_KEYS',
  production: {
    required: true,
    advice: 'a private key of this process alone, as deploy/production-env.sh generates it',
  },
});

/**
 * The public keys of all processes, as `name=key` with blanks or commas between them. While a key is replaced, its process
 * is listed twice. `undefined` when the variable is unset, in development.
 */
export const serviceKeys = (): Field<readonly ListedKey[] | undefined> => ({
  parse(value) {
    const listed = value.split(/[\s,]+/).filter((part) => part !== '');
    const keys = listed.map((part) => {
      const end = part.indexOf('=');
      return { name: part.slice(0, Math.max(0, end)), key: part.slice(end + 1) };
    });
    if (!keys.every(({ name, key }) => /^[a-z][a-z0-9-]*$/.test(name) && KEY.test(key)))
      return { problem: 'must be a list of name=key, where a key is 32 bytes as base64url' };
    const owners = new Map(keys.map(({ name, key }) => [key, name]));
    if (keys.some(({ name, key }) => owners.get(key) !== name))
      return { problem: 'lists one key for two processes' };
    return keys;
  },
  fallback: undefined,
  optional: true,
  neededBy: 'SERVICE_KEY',
  production: {
    required: true,
    advice: 'the public keys of all processes, as deploy/production-env.sh generates them',
  },
});
