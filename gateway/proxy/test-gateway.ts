import { connect, type Socket } from 'node:net';
import { type DestinationStream, pino } from 'pino';
import { Registry } from 'prom-client';
import { type InternalTls, tlsNameOf } from '#kit/core/internal-tls';
import type { SpanRecorder } from '#kit/core/span';
import type { CrossOrigin } from '../admission/cross-origin';
import type { RateLimits } from '../admission/rate-limits';
import type { ResponseCache } from '../admission/response-cache';
import type { Attempt, AttemptResult } from '../model/attempt';
import type { Decide, ForwardDecision, LocalHandler } from '../model/decision';
import type { DataPlaneLimits, RouteLimits } from '../model/limits';
import type { CircuitBreaker, RetryBudget } from '../model/resilience';
import type { StreamPlaces } from '../model/stream-places';
import { viaLine } from '../model/via';
import { createRecentRequests, type RecentRequests } from '../observability/recent-requests';
import { type BreakerThresholds, createCircuitBreaker, DEFAULT_THRESHOLDS } from '../routing/circuit-breaker';
import { createRetryBudget } from '../routing/retry-budget';
import { type ListeningGateway, listenGateway } from './listener';

/** A gateway in this process in front of the given instances, with its log lines and the results of its attempts. */
export interface TestGateway {
  readonly port: number;
  readonly url: string;
  readonly lines: Record<string, unknown>[];
  readonly outcomes: { instanceId: string; result: AttemptResult }[];
  readonly metrics: Registry;
  readonly recent: RecentRequests;
  readonly breaker: CircuitBreaker;
  readonly retryBudget: RetryBudget;
  stop(drainMs?: number): Promise<void>;
}

export interface TestSetup {
  /** Ports of the instances, tried in this order. */
  readonly instances: readonly number[];
  readonly route?: Partial<RouteLimits>;
  readonly decision?: Pick<ForwardDecision, 'honoursIdempotencyKey' | 'isPublicToPages'>;
  readonly limits?: Partial<DataPlaneLimits>;
  readonly compresses?: boolean;
  readonly thresholds?: Partial<BreakerThresholds>;
  readonly trustedProxies?: readonly string[];
  readonly handleLocally?: LocalHandler;
  /** Decides instead of forwarding to the instances. */
  readonly decide?: Decide;
  readonly crossOrigin?: CrossOrigin | null;
  /** Checked for every request; for those below `/limited`, the strict sign-in limit as well. */
  readonly rateLimits?: RateLimits;
  readonly responseCache?: ResponseCache;
  readonly streamPlaces?: StreamPlaces;
  readonly strictTransport?: string;
  readonly spans?: SpanRecorder;
  readonly tls?: { certPath: string; keyPath: string };
  /** The instances serve TLS, for `test.rookery.internal`, verified with this; null: with nothing. */
  readonly internalTls?: InternalTls | null;
}

export async function startTestGateway(setup: TestSetup): Promise<TestGateway> {
  const lines: Record<string, unknown>[] = [];
  const outcomes: { instanceId: string; result: AttemptResult }[] = [];
  const sink: DestinationStream = {
    write(text) {
      for (const line of text.split('\n')) if (line !== '') lines.push(JSON.parse(line));
    },
  };
  const metrics = new Registry();
  const recent = createRecentRequests({ ordinary: 100, troubled: 100 });
  const breaker = createCircuitBreaker({ ...DEFAULT_THRESHOLDS, ...setup.thresholds }, () =>
    performance.now(),
  );
  const retryBudget = createRetryBudget(
    () => breaker.inFlight,
    () => breaker.begun,
  );
  const attemptAt = (port: number, index: number): Attempt => ({
    instanceId: `instance-${index}`,
    host: '127.0.0.1',
    port,
    tlsName: setup.internalTls === undefined ? null : tlsNameOf('test'),
    startedMs: performance.now(),
    candidates: [],
    excluded: [],
    isProbe: false,
    result: null,
    failure: null,
    latencyMs: 0,
    answered: () => undefined,
    done: (result) => void outcomes.push({ instanceId: `instance-${index}`, result }),
    detach: () => undefined,
  });
  const decide: Decide = (head) => {
    if (head.target.startsWith('/own'))
      return { kind: 'local', page: '/own', target: head.target, prefix: '' };
    return {
      kind: 'forward',
      service: 'test',
      rateLimit: head.target.startsWith('/limited') ? 'sign-in' : undefined,
      access: null,
      route: '/test',
      ...setup.decision,
      target: head.target,
      prefix: '',
      limits: {
        bodyBytes: 100 * 1024 * 1024,
        tryTimeoutMs: 5_000,
        requestTimeoutMs: 30_000,
        hedgeMs: 0,
        ...setup.route,
      },
      breaker,
      retryBudget,
      pick(tried) {
        const index = setup.instances.findIndex((_, candidate) => !tried.has(`instance-${candidate}`));
        const port = setup.instances[index];
        return port === undefined ? null : attemptAt(port, index);
      },
    };
  };
  const gateway: ListeningGateway = await listenGateway({
    host: '127.0.0.1',
    port: 0,
    decide: setup.decide ?? decide,
    revision: () => 1,
    handleLocally: setup.handleLocally ?? (() => Promise.resolve(new Response('own'))),
    log: pino({ level: 'info' }, sink),
    metrics,
    recent,
    admission: {
      crossOrigin: setup.crossOrigin ?? null,
      rateLimits: setup.rateLimits ?? null,
      responseCache: setup.responseCache ?? null,
      ...(setup.streamPlaces && { streamPlaces: setup.streamPlaces }),
      strictTransport: setup.strictTransport ?? '',
    },
    spans: setup.spans ?? null,
    trustedProxies: setup.trustedProxies ?? [],
    limits: setup.limits ?? {},
    compresses: setup.compresses ?? true,
    ...(setup.tls && { tls: setup.tls }),
    internalTls: setup.internalTls ?? null,
  });
  return {
    port: gateway.port,
    url: `${setup.tls ? 'https' : 'http'}://127.0.0.1:${gateway.port}`,
    lines,
    outcomes,
    metrics,
    recent,
    breaker,
    retryBudget,
    stop: (drainMs = 0) => gateway.stop({ drainMs }),
  };
}

/** A raw TCP client. */
export interface RawClient {
  readonly socket: Socket;
  readonly received: () => string;
  readonly ended: () => boolean;
  send(text: string): void;
  /** Waits until the received text satisfies the condition. */
  until(condition: (received: string) => boolean): Promise<string>;
  untilClosed(): Promise<string>;
}

export function rawClient(port: number): RawClient {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  let over = false;
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
  });
  socket.on('end', () => {
    over = true;
  });
  // A reset is an expected end of a connection; tests assert on the received text.
  socket.on('error', () => {
    over = true;
  });
  const received = () => text;
  return {
    socket,
    received,
    ended: () => over,
    send: (part) => void socket.write(part, 'latin1'),
    async until(condition) {
      await eventually(
        () => condition(text),
        () => `received: ${JSON.stringify(text.slice(0, 2_000))}`,
      );
      return text;
    },
    async untilClosed() {
      await eventually(
        () => over,
        () => `still open; received: ${JSON.stringify(text.slice(0, 2_000))}`,
      );
      socket.destroy();
      return text;
    },
  };
}

/** Polls until the condition holds. @throws with the text of `seen` after 30 s */
export async function eventually(holds: () => boolean, seen: () => string = () => ''): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`condition not met within 30 s; ${seen()}`);
    await Bun.sleep(10);
  }
}

/** A raw TCP instance: `talk` is called with everything a connection has sent so far, whenever it grows. */
export function rawUpstream(
  talk: (received: string, reply: (text: string) => void, end: () => void, reset: () => void) => void,
) {
  const connections: { received: string; closed: boolean }[] = [];
  type Connection = (typeof connections)[number];
  // Whoever had the port before may still be called there, by processes of other tests.
  const isOurs = (received: string) => received.includes(viaLine('1.1')) || received.includes(viaLine('1.0'));
  const listener = Bun.listen<Connection>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = { received: '', closed: false };
      },
      data(socket, bytes) {
        socket.data.received += bytes.toString('latin1');
        if (!isOurs(socket.data.received)) return;
        if (!connections.includes(socket.data)) connections.push(socket.data);
        talk(
          socket.data.received,
          (text) => void socket.write(Buffer.from(text, 'latin1')),
          () => socket.end(),
          () => socket.terminate(),
        );
      },
      close(socket) {
        socket.data.closed = true;
      },
    },
  });
  return { port: listener.port, connections, stop: () => listener.stop(true) };
}

/** A port without a listener. */
export function closedPort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  listener.stop(true);
  return listener.port;
}
