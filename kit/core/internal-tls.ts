import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The certificate of this process and the authority of all: TLS between processes. PEM texts. */
export interface InternalTls {
  /** The certificate, followed by the intermediate ones if there are any. */
  readonly cert: string;
  readonly key: string;
  /** The authorities that issue the certificates of all processes; no others are trusted between them. */
  readonly ca: string;
}

/** Paths of PEM files, all three or none, and where the registry is. */
export interface InternalTlsEnvironment {
  readonly INTERNAL_TLS_CERT?: string | undefined;
  readonly INTERNAL_TLS_KEY?: string | undefined;
  readonly INTERNAL_TLS_CA?: string | undefined;
  readonly REGISTRY_URL?: readonly string[];
}

/** The message is for the operator; it quotes no value. */
export class InvalidInternalTls extends Error {
  override readonly name = 'InvalidInternalTls';
}

/**
 * The name that the certificate of a process is for, and that its callers verify: addresses change, and any process of the
 * network could get one. A certificate for `*.rookery.internal` suits all processes.
 *
 * @param name as in the Procfile and the registry
 */
export const tlsNameOf = (name: string): string => `${name}.rookery.internal`;

/**
 * Reads the files of INTERNAL_TLS_CERT, _KEY and _CA, once: a renewed certificate is used from the next start.
 *
 * @returns null when none of them is set
 * @throws InvalidInternalTls when only some are set, or when no other process would accept the certificate
 */
export function openInternalTls(name: string, env: InternalTlsEnvironment): InternalTls | null {
  const cert = readPem('INTERNAL_TLS_CERT', env);
  const key = readPem('INTERNAL_TLS_KEY', env);
  const ca = readPem('INTERNAL_TLS_CA', env);
  if (cert === undefined && key === undefined && ca === undefined) return null;
  if (cert === undefined || key === undefined || ca === undefined)
    throw new InvalidInternalTls(
      'INTERNAL_TLS_CERT, INTERNAL_TLS_KEY and INTERNAL_TLS_CA must be set together',
    );
  const certificate = parsed('INTERNAL_TLS_CERT', 'certificate', () => new X509Certificate(cert));
  const privateKey = parsed('INTERNAL_TLS_KEY', 'private key', () => createPrivateKey(key));
  parsed('INTERNAL_TLS_CA', 'certificate', () => new X509Certificate(ca));
  if (!certificate.checkPrivateKey(privateKey))
    throw new InvalidInternalTls('INTERNAL_TLS_KEY is not the key of INTERNAL_TLS_CERT');
  if (certificate.checkHost(tlsNameOf(name), { subject: 'never' }) === undefined)
    throw new InvalidInternalTls(
      `INTERNAL_TLS_CERT is not for ${tlsNameOf(name)}: it needs that name, or *.rookery.internal, as subjectAltName`,
    );
  // The registry itself calls no other.
  if (name !== 'registry' && env.REGISTRY_URL?.some((url) => new URL(url).protocol !== 'https:'))
    throw new InvalidInternalTls('REGISTRY_URL must begin with https:// because INTERNAL_TLS_CERT is set');
  return { cert, key, ca };
}

/** When the certificate ends, in seconds since 1970. */
export const expiryOf = ({ cert }: InternalTls): number =>
  Date.parse(new X509Certificate(cert).validTo) / 1_000;

/** What `fetch` needs to call a process with `https`: its certificate, of the authority of all, is for its name. */
export const fetchTls = (
  tls: InternalTls | null,
  name: string,
): { tls?: { ca: string; serverName: string } } =>
  tls === null ? {} : { tls: { ca: tls.ca, serverName: tlsNameOf(name) } };

function readPem(
  variable: Exclude<keyof InternalTlsEnvironment, 'REGISTRY_URL'>,
  env: InternalTlsEnvironment,
): string | undefined {
  const path = env[variable];
  if (path === undefined || path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (failure) {
    const code = failure instanceof Error && 'code' in failure ? failure.code : 'error';
    throw new InvalidInternalTls(`${variable} names a file that cannot be read (${code})`);
  }
}

function parsed<Result>(variable: string, what: string, parse: () => Result): Result {
  try {
    return parse();
  } catch {
    throw new InvalidInternalTls(`${variable} holds no ${what} in PEM`);
  }
}
