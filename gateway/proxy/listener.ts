import type { Socket, TCPSocketListener } from 'bun';
import type { Registry } from 'prom-client';
import type { Logger } from '#kit/core/log';
import type { SpanRecorder } from '#kit/core/span';
import type { CrossOrigin } from '../admission/cross-origin';
import type { RateLimits } from '../admission/rate-limits';
import type { ResponseCache } from '../admission/response-cache';
import { type ClientConnection, createClientConnection } from '../downstream/client-connection';
import { trustedProxies } from '../downstream/client-origin';
import { createClientPlaces } from '../downstream/connection-limit';
import { createDeadlineClock } from '../downstream/deadlines';
import { readCertificate, type TlsFiles, watchCertificate } from '../downstream/tls-certificate';
import type { Decide, Own } from '../model/decision';
import { DEFAULT_LIMITS, type PlaneLimits } from '../model/limits';
import { createAccessLog } from '../observability/access-log';
import type { RecentRequests } from '../observability/recent-requests';
import { createUpstreamPool } from '../upstream/pool';
import type { Plane } from './data-plane';

export interface GatewayOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly decide: Decide;
  readonly own: Own;
  /** The registry's revision that `decide` goes by. */
  readonly revision: () => number;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly spans?: SpanRecorder | null;
  /** Where every request is kept for a while, to be explained. */
  readonly recent: RecentRequests;
  readonly tls?: TlsFiles;
  readonly crossOrigin?: CrossOrigin | null;
  readonly rateLimits?: RateLimits | null;
  readonly responseCache?: ResponseCache | null;
  /** Addresses and subnets whose `Forwarded` and `X-Forwarded-*` are believed. */
  readonly trustedProxies?: readonly string[];
  readonly limits?: Partial<PlaneLimits>;
  /** Lets several processes listen on one port, to use several cores. */
  readonly reusePort?: boolean;
}

export interface ListeningGateway {
  readonly port: number;
  /** Accepts no more, finishes what is running, closes what is idle; after `drainMs` cuts the rest. */
  stop(options: { drainMs: number }): Promise<void>;
}

type GatewaySocket = Socket<ClientConnection | undefined>;

/** Opens the gateway's door: reads requests from clients' connections and has each decided, forwarded or answered. */
export async function listenGateway(options: GatewayOptions): Promise<ListeningGateway> {
  const { log, tls } = options;
  const limits: PlaneLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = createDeadlineClock();
  const spans = options.spans ?? null;
  const accessLog = createAccessLog(log, options.metrics, options.recent, spans);
  const report = (failure: unknown) => log.error({ err: failure }, 'a connection handler failed');
  const clients = createClientPlaces<ClientConnection>(
    limits.clients,
    limits.clientsPerAddress,
    options.metrics,
  );
  let draining = false;
  const plane: Plane = {
    decide: options.decide,
    own: options.own,
    limits,
    clock,
    pool: createUpstreamPool(limits, clock, report),
    accessLog,
    trusted: trustedProxies(options.trustedProxies ?? []),
    crossOrigin: options.crossOrigin ?? null,
    rateLimits: options.rateLimits ?? null,
    responseCache: options.responseCache ?? null,
    spans,
    log,
    revision: options.revision,
    revisionLine: createRevisionLine(options.revision),
    draining: () => draining,
  };

  const handlers = {
    open(socket: GatewaySocket) {
      const address = plainAddress(socket.remoteAddress);
      const trusted = plane.trusted(address);
      const arrival = { address, secure: tls !== undefined, trusted, lastOrigin: null };
      if (draining || !clients.admits(arrival)) {
        socket.terminate();
        return;
      }
      socket.setNoDelay(true);
      // Finds out about clients that vanished while nothing is sent to them.
      socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
      const client = createClientConnection(socket, arrival, plane);
      socket.data = client;
      clients.take(client, arrival);
      accessLog.connected(1);
    },
    // With this handler there, `open` comes before the handshake, and the time limit covers it.
    handshake: () => undefined,
    data: (socket: GatewaySocket, bytes: Buffer) => socket.data?.received(bytes),
    drain: (socket: GatewaySocket) => socket.data?.drained(),
    end: (socket: GatewaySocket) => socket.data?.ended(),
    close(socket: GatewaySocket) {
      const client = socket.data;
      if (client === undefined) return;
      client.closed();
      if (clients.leave(client, client.arrival)) accessLog.connected(-1);
    },
    error(socket: GatewaySocket, failure: Error) {
      report(failure);
      socket.data?.terminate();
    },
  };

  function listen(port: number, shared: boolean): TCPSocketListener<ClientConnection | undefined> {
    return Bun.listen<ClientConnection | undefined>({
      hostname: options.host,
      port,
      allowHalfOpen: true,
      data: undefined,
      socket: handlers,
      ...(shared && { reusePort: true }),
      ...(tls !== undefined && { tls: readCertificate(tls) }),
    });
  }

  let listener = listen(options.port, (options.reusePort ?? false) || tls !== undefined);
  const { port } = listener;
  const stopWatching =
    tls &&
    watchCertificate(tls, log, () => {
      // The port is shared for a moment: the new listener is there before the old one stops accepting.
      const before = listener;
      listener = listen(port, true);
      // Whoever waits at the old one is accepted first: closing it would reset them.
      setTimeout(() => before.stop(false), ACCEPT_MS);
    });

  return {
    port,
    async stop({ drainMs }) {
      draining = true;
      stopWatching?.();
      listener.stop(false);
      for (const client of clients) client.closeWhenIdle();
      const cutAtMs = performance.now() + drainMs;
      while (clients.size > 0 && performance.now() < cutAtMs) await Bun.sleep(STOP_POLL_MS);
      if (clients.size > 0)
        log.warn({ connections: clients.size }, 'connections cut: they outlasted the drain time');
      for (const client of clients) client.terminate();
      plane.pool.close();
      clock.stop();
      accessLog.close();
    },
  };
}

/** Made once for each revision, not for each request. */
function createRevisionLine(revision: () => number): () => string {
  let madeFor = -1;
  let line = '';
  return () => {
    const present = revision();
    if (present !== madeFor) {
      madeFor = present;
      line = `X-Registry-Revision: ${present}\r\n`;
    }
    return line;
  };
}

const STOP_POLL_MS = 20;
const ACCEPT_MS = 20;
const KEEP_ALIVE_PROBE_MS = 30_000;

/** An IPv4 client on a dual-stack socket is written as an IPv4 address. */
const plainAddress = (address: string) =>
  address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
