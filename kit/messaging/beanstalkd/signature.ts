import { sign, verify } from 'node:crypto';
import type { ServiceIdentity } from '../../core/identity';
import { ForgedMessage } from '../publishers';

/**
 * beanstalkd has no users: whoever reaches it can put jobs. So a job ends with the signature of its publisher (Ed25519),
 * as the last member of the JSON object, which a worker of an older version ignores. It covers the tube and every byte of
 * the object without that member, so that the job cannot be changed, or moved to another tube.
 */
const SIGNED = /,"signature":"([a-z0-9-]+)\.([A-Za-z0-9_-]{86})"\}$/;
/** Longer than the longest name and a signature. */
const MAX_SIGNATURE_BYTES = 200;

/** The bytes of a signed job. What is no JSON object is returned as it is. */
export function signJob({ name, privateKey }: ServiceIdentity, tube: string, bytes: Buffer): Buffer {
  if (bytes.at(-1) !== CLOSING_BRACE) return bytes;
  const signature = sign(null, signedBytes(tube, bytes), privateKey).toString('base64url');
  return Buffer.concat([bytes.subarray(0, -1), Buffer.from(`,"signature":"${name}.${signature}"}`)]);
}

const CLOSING_BRACE = '}'.charCodeAt(0);

/**
 * Checks that one of the publishers has put a job into this tube.
 *
 * @throws ForgedMessage otherwise
 */
export function requireSignature(
  identity: Pick<ServiceIdentity, 'publicKeysOf' | 'acceptsUnsigned'>,
  { tube, bytes }: { tube: string; bytes: Buffer },
  publishers: readonly string[],
): void {
  const start = Math.max(0, bytes.length - MAX_SIGNATURE_BYTES);
  const [member, name, signature] = SIGNED.exec(bytes.toString('latin1', start)) ?? [];
  if (member === undefined || name === undefined || signature === undefined) {
    if (identity.acceptsUnsigned) return;
    throw new ForgedMessage('the job has no signature of its publisher');
  }
  if (!publishers.includes(name)) throw new ForgedMessage('the job is signed by another than its publishers');
  const text = Buffer.concat([bytes.subarray(0, bytes.length - member.length), Buffer.from('}')]);
  const isValid = identity
    .publicKeysOf(name)
    .some((key) => verify(null, signedBytes(tube, text), key, Buffer.from(signature, 'base64url')));
  if (!isValid) throw new ForgedMessage(`the signature is not that of ${name}`);
}

/** The prefix keeps the signature from being one of anything else. */
const signedBytes = (tube: string, text: Buffer) =>
  Buffer.concat([Buffer.from(`rookery job\n${tube}\n`), text]);
