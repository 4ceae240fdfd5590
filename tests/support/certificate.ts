import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestCertificate {
  readonly certPath: string;
  readonly keyPath: string;
  remove(): void;
}

/** Creates a self-signed certificate for a name, in a folder of its own. */
export async function createCertificate(name: string): Promise<TestCertificate> {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
  const [keyPath, certPath] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const command = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name}`;
  const openssl = Bun.spawn([...command.split(' '), '-keyout', keyPath, '-out', certPath], {
    stderr: 'ignore',
  });
  if ((await openssl.exited) !== 0) throw new Error('openssl failed');
  return { certPath, keyPath, remove: () => rmSync(folder, { recursive: true }) };
}
