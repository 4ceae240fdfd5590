import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'rookery-health-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];

/** The exit code of the image's health check. */
async function check(port: number, path: string, environment: Record<string, string> = {}) {
  const script = join(import.meta.dir, '..', '..', 'deploy', 'health.js');
  const child = Bun.spawn([process.execPath, script, path], {
    env: { PORT: String(port), ...environment },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  return child.exited;
}

test('the health check of the image follows the status, also over TLS for another name', async () => {
  Bun.spawnSync([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=api.example.com'],
  ]);
  const fetch = ({ url }: Request) =>
    new Response(null, { status: new URL(url).pathname === '/health' ? 200 : 503 });
  const plain = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch });
  const secure = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch,
    tls: { key: Bun.file(key), cert: Bun.file(cert) },
  });
  const withTls = { TLS_CERT: cert };
  expect(
    await Promise.all([
      check(plain.port ?? 0, '/health'),
      check(plain.port ?? 0, '/readyz'),
      check(secure.port ?? 0, '/health', withTls),
      check(secure.port ?? 0, '/readyz', withTls),
      check(secure.port ?? 0, '/health', { INTERNAL_TLS_CERT: cert }),
      check(secure.port ?? 0, '/readyz', { INTERNAL_TLS_CERT: cert }),
      // The gateway's, with TLS between processes only.
      check(plain.port ?? 0, '/health', { INTERNAL_TLS_CERT: cert }),
    ]),
  ).toEqual([0, 1, 0, 1, 0, 1, 0]);
  await Promise.all([plain.stop(true), secure.stop(true)]);
});
