import type { Socket, TCPSocketListener } from 'bun';
import type { Registry } from 'prom-client';
import type { InternalTls } from '#kit/core/internal-tls';
import type { Logger } from '#kit/core/log';
import type { SpanRecorder } from '#kit/core/span';
import { type AdmissionModules, createAdmission } from '../admission/admission';
import { createClientConnection } from '../downstream/client-connection';
import { trustedProxies } from '../downstream/client-origin';
import { exposeCompressionCounts } from '../downstream/compression/compression-counts';
import type { ClientConnection, ConnectionServices } from '../downstream/connection';
import { type ConnectionLimit, createConnectionLimit } from '../downstream/connection-limit';
import { createDeadlineClock } from '../downstream/deadlines';
import { readCertificate, type TlsFiles, watchCertificate } from '../downstream/tls-certificate';
import type { Decide, LocalHandler } from '../model/decision';
import { type DataPlaneLimits, DEFAULT_LIMITS } from '../model/limits';
import { type PathRestorer, PREPEND } from '../model/path-restorer';
import { UNLIMITED_STREAMS } from '../model/stream-places';
import { createAccessLog } from '../observability/access-log';
import type { RecentRequests } from '../observability/recent-requests';
import { createUpstreamPool } from '../upstream/pool';
import type { DataPlane } from './data-plane';
import { handleRequest } from './pipeline';

export interface GatewayOptions {
  readonly host: string;
  /** 0 selects a free one. */
  readonly port: number;
  readonly decide: Decide;
  readonly handleLocally: LocalHandler;
  /** Restores the paths in responses to requests below a prefix; by default what was cut is prepended. */
  readonly restorer?: PathRestorer;
  /** The registry revision that `decide` uses. */
  readonly revision: () => number;
  readonly admission?: Partial<AdmissionModules>;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly spans?: SpanRecorder | null;
  readonly recent: RecentRequests;
  readonly tls?: TlsFiles;
  /** Verifies instances that serve TLS; without it none is reachable. */
  readonly internalTls?: InternalTls | null;
  /** Addresses and subnets whose `Forwarded` and `X-Forwarded-*` are trusted. */
  readonly trustedProxies?: readonly string[];
  readonly limits?: Partial<DataPlaneLimits>;
  /** Whether responses are compressed for clients that ask for it; true by default. */
  readonly compresses?: boolean;
  /** Allows several processes to listen on one port. */
  readonly reusePort?: boolean;
}

export interface ListeningGateway {
  readonly port: number;
  /** Graceful shutdown: stops accepting, completes requests in flight, closes idle connections; resets the rest after `drainMs`. */
  stop(options: { drainMs: number }): Promise<void>;
}

type GatewaySocket = Socket<ClientConnection | undefined>;

/** Listens for client connections and handles their requests. */
export async function listenGateway(options: GatewayOptions): Promise<ListeningGateway> {
  const { log, tls } = options;
  let isDraining = false;
  const report = (failure: unknown) => log.error({ err: failure }, 'connection handler failed');
  const { dataPlane, clients } = createDataPlane(options, () => isDraining, report);
  const { accessLog, clock, pool } = dataPlane;
  const services: ConnectionServices = {
    limits: dataPlane.limits,
    clock,
    accessLog,
    isDraining: dataPlane.isDraining,
    handle: (client, request) => handleRequest(client, request, dataPlane),
  };

  const handlers = {
    open(socket: GatewaySocket) {
      const address = plainAddress(socket.remoteAddress);
      const trusted = dataPlane.isTrusted(address);
      const peer = { address, secure: tls !== undefined, trusted, cachedOrigin: null };
      if (isDraining || !clients.admits(peer)) {
        socket.terminate();
        return;
      }
      socket.setNoDelay(true);
      // Detects clients that vanished while nothing is sent to them.
      socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
      const client = createClientConnection(socket, peer, services);
      socket.data = client;
      clients.add(client, peer);
      accessLog.connected(1);
    },
    // With this handler present, `open` precedes the handshake, so that the head timeout covers it.
    handshake: () => undefined,
    data: (socket: GatewaySocket, bytes: Buffer) => socket.data?.received(bytes),
    drain: (socket: GatewaySocket) => socket.data?.drained(),
    end: (socket: GatewaySocket) => socket.data?.ended(),
    close(socket: GatewaySocket) {
      const client = socket.data;
      if (client === undefined) return;
      client.closed();
      if (clients.remove(client, client.peer)) accessLog.connected(-1);
    },
    error(socket: GatewaySocket, failure: Error) {
      report(failure);
      socket.data?.terminate();
    },
  };

  function listen(port: number, isShared: boolean): TCPSocketListener<ClientConnection | undefined> {
    return Bun.listen<ClientConnection | undefined>({
      hostname: options.host,
      port,
      allowHalfOpen: true,
      data: undefined,
      socket: handlers,
      ...(isShared && { reusePort: true }),
      ...(tls !== undefined && { tls: readCertificate(tls) }),
    });
  }

  let listener = listen(options.port, (options.reusePort ?? false) || tls !== undefined);
  const { port } = listener;
  const stopWatching =
    tls &&
    watchCertificate(tls, log, () => {
      // The port is shared for a moment: the new listener is ready before the previous one stops accepting.
      const previous = listener;
      listener = listen(port, true);
      // Connections in its backlog are accepted first: closing it would reset them.
      setTimeout(() => previous.stop(false), BACKLOG_MS);
    });

  return {
    port,
    async stop({ drainMs }) {
      isDraining = true;
      stopWatching?.();
      listener.stop(false);
      for (const client of clients) client.closeWhenIdle();
      const deadlineMs = performance.now() + drainMs;
      while (clients.size > 0 && performance.now() < deadlineMs) await Bun.sleep(DRAIN_POLL_MS);
      if (clients.size > 0)
        log.warn({ connections: clients.size }, 'drain timeout exceeded; connections reset');
      for (const client of clients) client.terminate();
      pool.close();
      clock.stop();
      accessLog.close();
    },
  };
}

function createDataPlane(
  options: GatewayOptions,
  isDraining: () => boolean,
  report: (failure: unknown) => void,
): { dataPlane: DataPlane; clients: ConnectionLimit<ClientConnection> } {
  const { log, metrics } = options;
  const limits: DataPlaneLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = createDeadlineClock();
  const spans = options.spans ?? null;
  const {
    crossOrigin = null,
    rateLimits = null,
    responseCache = null,
    routeAccess = null,
    forwardingProofs = null,
    streamPlaces = UNLIMITED_STREAMS,
    strictTransport = '',
  } = options.admission ?? {};
  const accessLog = createAccessLog(log, metrics, options.recent, spans);
  exposeCompressionCounts(metrics);
  const clients = createConnectionLimit<ClientConnection>(
    { total: limits.clients, perAddress: limits.clientsPerAddress },
    metrics,
  );
  const dataPlane: DataPlane = {
    decide: options.decide,
    handleLocally: options.handleLocally,
    restorer: options.restorer ?? PREPEND,
    limits,
    clock,
    pool: createUpstreamPool(limits, clock, report, options.internalTls ?? null),
    accessLog,
    isTrusted: trustedProxies(options.trustedProxies ?? []),
    admission: createAdmission({
      crossOrigin,
      rateLimits,
      responseCache,
      routeAccess,
      forwardingProofs,
      streamPlaces,
      strictTransport,
    }),
    forwardingProofs,
    streamPlaces,
    spans,
    log,
    compresses: options.compresses ?? true,
    revision: options.revision,
    isDraining,
  };
  return { dataPlane, clients };
}

const DRAIN_POLL_MS = 20;
const BACKLOG_MS = 20;
const KEEP_ALIVE_PROBE_MS = 30_000;

/** An IPv4 client of a dual-stack socket is written as an IPv4 address. */
const plainAddress = (address: string) =>
  address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
