import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InternalTls } from '#kit/core/internal-tls';

export interface TestCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  remove(): void;
}

/** An authority of its own, that issues certificates into its folder. */
export interface TestAuthority {
  readonly caPath: string;
  /** Issues a certificate for a name, which may begin with `*.`. */
  issue(name: string): Promise<IssuedCertificate>;
  remove(): void;
}

export interface IssuedCertificate {
  /** The settings of a process that uses it. */
  readonly environment: Record<'INTERNAL_TLS_CERT' | 'INTERNAL_TLS_KEY' | 'INTERNAL_TLS_CA', string>;
  readonly tls: InternalTls;
}

const NEW_KEY = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';

/** Creates a self-signed certificate for a name, in a folder of its own. */
export async function createCertificate(name: string): Promise<TestCertificate> {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
  const [keyPath, certPath] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  await openssl([...NEW_KEY.split(' '), '-subj', `/CN=${name}`, '-keyout', keyPath, '-out', certPath]);
  return { certPath, keyPath, remove: () => rmSync(folder, { recursive: true }) };
}

/** Creates an authority that issues certificates, in a folder of its own. */
export async function createAuthority(): Promise<TestAuthority> {
  const { certPath: caPath, keyPath: caKeyPath, remove } = await createCertificate('authority');
  let issued = 0;
  return {
    caPath,
    async issue(name) {
      const [certPath, keyPath] = [`${caPath}.${++issued}.cert`, `${caPath}.${issued}.key`];
      const fields = [
        ...['-subj', '/CN=process', '-addext', `subjectAltName=DNS:${name}`],
        ...['-addext', 'basicConstraints=critical,CA:FALSE', '-CA', caPath, '-CAkey', caKeyPath],
      ];
      await openssl([...NEW_KEY.split(' '), ...fields, '-keyout', keyPath, '-out', certPath]);
      const [cert, key, ca] = [certPath, keyPath, caPath].map((path) => readFileSync(path, 'utf8'));
      if (cert === undefined || key === undefined || ca === undefined)
        throw new Error('openssl wrote nothing');
      return {
        environment: { INTERNAL_TLS_CERT: certPath, INTERNAL_TLS_KEY: keyPath, INTERNAL_TLS_CA: caPath },
        tls: { cert, key, ca },
      };
    },
    remove,
  };
}

async function openssl(options: readonly string[]): Promise<void> {
  const child = Bun.spawn(['openssl', ...options], { stderr: 'ignore' });
  if ((await child.exited) !== 0) throw new Error('openssl failed');
}
