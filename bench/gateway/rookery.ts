import { Registry } from 'prom-client';
import { createLogger } from '#kit/log';
import { BodyTooLarge } from '#kit/problem';
import { listenGateway } from '../../gateway/plane/listen';

/** The gateway's data plane in front of one instance, with everything on: log to stdout, metrics, header hygiene. */
const [port, upstreamPort] = process.argv.slice(2).map(Number);
if (port === undefined || upstreamPort === undefined)
  throw new Error('usage: rookery.ts <port> <upstream port>');

const limits = { bodyBytes: 1024 * 1024, tryTimeoutMs: 5_000, requestTimeoutMs: 30_000 };
const attempt = { instanceId: 'upstream-1', host: '127.0.0.1', port: upstreamPort, done: () => undefined };
await listenGateway({
  host: '127.0.0.1',
  port,
  log: await createLogger({ name: 'gateway' }),
  metrics: new Registry(),
  own: () => Promise.reject(new BodyTooLarge()),
  decide: (head) => ({
    kind: 'forward',
    service: 'upstream',
    route: '/',
    target: head.target,
    limits,
    pick: (tried) => (tried.has(attempt.instanceId) ? null : attempt),
  }),
});
