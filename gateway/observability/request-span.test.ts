import { describe, expect, test } from 'bun:test';
import type { FinishedSpan } from '#kit/core/span';
import { gatewayFixture } from '../proxy/test-fixture';
import { closedPort, eventually, type TestGateway } from '../proxy/test-gateway';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const { startGateway, startUpstream } = gatewayFixture();

/** A gateway whose first instance is unreachable, with the recorded spans and the forwarded traceparents. */
async function startTraced(isSampled = true) {
  const spans: FinishedSpan[] = [];
  const traceparents: string[] = [];
  const upstream = startUpstream((received, reply) => {
    traceparents.push(/traceparent: (\S+)/i.exec(received)?.[1] ?? '');
    reply('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
  const gateway = await startGateway({
    instances: [closedPort(), upstream.port],
    spans: { shouldSample: () => isSampled, record: (span) => void spans.push(span) },
  });
  return { gateway, spans, traceparents };
}

/** Sends a request, and waits until it is logged. */
async function send(gateway: TestGateway, path: string, options: RequestInit = {}) {
  const before = gateway.lines.length;
  await (await fetch(gateway.url + path, options)).text();
  await eventually(() => gateway.lines.length > before);
}

describe('a request has one span', () => {
  test("as a child of the caller's, with the id sent upstream and its attempts", async () => {
    const { gateway, spans, traceparents } = await startTraced();
    await send(gateway, '/?a-secret', { headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` } });
    expect(spans).toHaveLength(1);
    expect(spans[0]).toMatchObject({
      name: 'GET /test',
      kind: 'server',
      traceparent: traceparents[0],
      parentSpanId: '00f067aa0ba902b7',
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/test',
        'http.response.status_code': 200,
        'service.peer.name': 'test',
        'rookery.instance': 'instance-1',
      },
      error: undefined,
    });
    expect(traceparents[0]).toStartWith(`00-${TRACE}-`);
    expect(spans[0]?.events?.map(({ attributes }) => attributes['rookery.instance'])).toEqual([
      'instance-0',
      'instance-1',
    ]);
    expect(JSON.stringify(spans)).not.toContain('a-secret');
  });

  test('that starts a trace where none was sent', async () => {
    const { gateway, spans, traceparents } = await startTraced();
    await send(gateway, '/');
    expect(spans[0]).toMatchObject({ parentSpanId: null, traceparent: traceparents[0] });
  });

  test('whose name is bounded', async () => {
    const { gateway, spans } = await startTraced();
    await send(gateway, '/', { method: 'PROPFIND' });
    expect(spans[0]).toMatchObject({ name: 'HTTP /test', attributes: { 'http.request.method': '_OTHER' } });
  });
});

describe('no span is recorded', () => {
  test('for an unsampled trace, which is propagated as such', async () => {
    const { gateway, spans, traceparents } = await startTraced(false);
    await send(gateway, '/');
    await send(gateway, '/', { headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-00` } });
    expect(traceparents.map((traceparent) => traceparent.slice(-3))).toEqual(['-00', '-00']);
    expect(spans).toEqual([]);
  });

  test('for local responses', async () => {
    const { gateway, spans } = await startTraced();
    await send(gateway, '/own/health');
    expect(spans).toEqual([]);
  });
});
