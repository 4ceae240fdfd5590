import { expect, test } from 'bun:test';
import { strictTransportLine } from '../admission/strict-transport';
import { gatewayFixture } from './test-fixture';
import { rawClient } from './test-gateway';

const { startGateway, stopAfter } = gatewayFixture();

test('responses say over TLS alone that browsers must use it, whatever a service says', async () => {
  const service = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => new Response('a', { headers: { 'strict-transport-security': 'max-age=1' } }),
  });
  stopAfter(() => void service.stop(true));
  const strictTransport = strictTransportLine({ HSTS_MAX_AGE: 600, HSTS_INCLUDE_SUBDOMAINS: true });
  const gateway = await startGateway({
    instances: [service.port ?? 0],
    trustedProxies: ['127.0.0.1'],
    strictTransport,
  });
  const responseOver = async (protocol: string, target: string) => {
    const client = rawClient(gateway.port);
    client.send(
      `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-Proto: ${protocol}\r\n\r\n`,
    );
    return client.untilClosed();
  };
  for (const target of ['/', '/own']) {
    expect(await responseOver('https', target)).toContain(
      'Strict-Transport-Security: max-age=600; includeSubDomains\r\n',
    );
    expect((await responseOver('http', target)).toLowerCase()).not.toContain('strict-transport-security');
  }
  expect((await responseOver('https', '/')).toLowerCase()).not.toContain('max-age=1\r');
  expect(strictTransportLine({ HSTS_MAX_AGE: 0, HSTS_INCLUDE_SUBDOMAINS: true })).toBe('');
});
