import { createServiceTokens } from '#kit/auth/service-token';
import type { TokenVerifier } from '#kit/auth/tokens';
import { authorityOf } from '#kit/core/address';
import { sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import { openTokenVerifier } from '#kit/grpc/token-verifier';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { watchRegistry } from '#kit/registry/client';
import { ownCredential } from '#kit/registry/credential';
import { type CrossOriginRoutes, createCrossOrigin } from './admission/cross-origin';
import { createForwardingProofs } from './admission/forwarding-proofs';
import { openRateLimits } from './admission/rate-limits';
import { createResponseCache } from './admission/response-cache';
import { createRouteAccess } from './admission/route-access';
import { createStreamPlaces } from './admission/stream-places';
import { strictTransportLine } from './admission/strict-transport';
import { createVerifiedCallers } from './admission/verified-callers';
import { openCluster } from './cluster/cluster-client';
import { createWorkerReporter } from './cluster/worker-report';
import { createRecentRequests } from './observability/recent-requests';
import { collectDocuments } from './pages/documents';
import { pages } from './pages/index';
import { describeOperatorPages, operatorPages } from './pages/operators';
import { listenGateway } from './proxy/listener';
import { createAllowedMethods, publicRoutes } from './routing/allowed-methods';
import { createDecide } from './routing/decide';
import { createDirectory, type Directory } from './routing/directory';
import { createPathRestorer } from './routing/path-restorer';
import { createResilienceReport } from './routing/resilience-report';
import type { GatewayEnvironment } from './settings';
import { readContracts } from './transcoding/contracts';
import { type FindTranscoded, findTranscodedIn, transcodedRoutes } from './transcoding/rules';
import { createTranscoder } from './transcoding/transcode';

/** Before the first snapshot every path would be unavailable: worth a short wait, but not for a registry that is down. */
const FIRST_SNAPSHOT_MS = 3_000;

/**
 * Starts the gateway: follows the registry, routes and forwards requests, and serves its own pages.
 *
 * @returns the port it listens on
 * @throws when the port is in use, or the certificate cannot be read
 */
export async function serveGateway(runtime: Runtime, env: GatewayEnvironment): Promise<{ port: number }> {
  const { log, metrics } = runtime;
  const tls = tlsFiles(env);
  const registry = watchRegistry(runtime, {
    urls: env.REGISTRY_URL,
    acknowledges: { credential: ownCredential(env, 'gateway') },
  });
  // Only for token revocations, which otherwise take effect within half a minute.
  const rabbit = openRabbit(runtime, { urls: env.AMQP_URL, required: false });
  const tokens = openTokenVerifier(runtime, env, registry, rabbit);
  const transcoded = transcodedRoutes(await readContracts());
  const findTranscoded = findTranscodedIn(transcoded);
  const directory = openDirectory(runtime, env, registry, findTranscoded);
  registry.acknowledgeDrains(directory.isDrained);
  const recent = createRecentRequests();
  const report = createWorkerReporter({ directory, recent, metrics });
  const cluster = openCluster(runtime, report, env.GATEWAY_WORKER);
  const { ageMs: registryAgeMs } = registry;
  const operators = operatorPages({ runtime, directory, tokens, findTranscoded, cluster, registryAgeMs });
  const documents = collectDocuments(
    directory,
    {
      version: runtime.version,
      own: describeOperatorPages(operators, runtime.version),
    },
    {
      log: log.child({ part: 'documents' }),
      internalTls: runtime.internalTls,
      closing: runtime.closing,
    },
  );
  const app = pages(runtime, {
    directory,
    documents,
    publicUrl: env.PUBLIC_URL,
    tokens,
    operators,
    metrics: cluster.metrics,
    registryAgeMs,
  });
  const transcode = createTranscoder(runtime, { routes: transcoded, registry, tokens });

  await Promise.race([registry.ready, sleep(FIRST_SNAPSHOT_MS, runtime.closing)]);
  const gateway = await listenGateway({
    host: env.HOST,
    port: env.PORT,
    decide: createDecide(directory, app.routes, transcode),
    handleLocally: async (request) => app.fetch(request),
    restorer: createPathRestorer(directory),
    revision: directory.revision,
    admission: await openAdmission(runtime, env, tokens, {
      allowed: createAllowedMethods(directory, app.routes),
      isPublic: publicRoutes(directory),
    }),
    log,
    metrics,
    spans: runtime.spans,
    recent,
    trustedProxies: env.TRUSTED_PROXIES,
    limits: {
      clientsPerAddress: env.CLIENT_CONNECTIONS_PER_ADDRESS,
      upstreamIdleMs: env.UPSTREAM_IDLE_MS,
    },
    compresses: env.RESPONSE_COMPRESSION,
    reusePort: env.GATEWAY_WORKER,
    ...(tls && { tls }),
    internalTls: runtime.internalTls,
  });
  cluster.listening();
  runtime.onClose('gateway', () => gateway.stop({ drainMs: env.SHUTDOWN_TIMEOUT_MS }));
  // The shutdown was requested before the gateway was listening.
  if (runtime.closing.aborted) await gateway.stop({ drainMs: 0 });
  log.info(`listening on ${tls ? 'https' : 'http'}://${authorityOf(env.HOST, gateway.port)}`);
  return gateway;
}

function openDirectory(
  runtime: Runtime,
  env: GatewayEnvironment,
  registry: Parameters<typeof createDirectory>[0],
  findTranscoded: FindTranscoded,
): Directory {
  const { onEjection, onCircuitChange, watch } = createResilienceReport(runtime.log, runtime.metrics);
  const thresholds = { concurrency: env.BREAKER_CONCURRENCY, queue: env.BREAKER_QUEUE };
  const directory = createDirectory(registry, {
    findTranscoded,
    resilience: { thresholds, onEjection, onCircuitChange },
  });
  watch(directory);
  runtime.dependency({
    name: 'routes',
    required: true,
    async check() {
      if (!directory.isReady()) throw new Error('No snapshot received from the registry yet');
      return `${directory.services().length} services`;
    },
  });
  return directory;
}

async function openAdmission(
  runtime: Runtime,
  env: GatewayEnvironment,
  tokens: TokenVerifier,
  routes: CrossOriginRoutes,
) {
  const callers = createVerifiedCallers(tokens);
  return {
    crossOrigin: createCrossOrigin(env, routes),
    rateLimits: await openRateLimits(runtime, env, callers),
    routeAccess: createRouteAccess(tokens),
    streamPlaces: createStreamPlaces(runtime.metrics, streamLimits(env), callers),
    strictTransport: strictTransportLine(env),
    forwardingProofs: createForwardingProofs(createServiceTokens(runtime.identity), runtime.log),
    responseCache:
      env.RESPONSE_CACHE_BYTES > 0 ? createResponseCache(env.RESPONSE_CACHE_BYTES, runtime.metrics) : null,
  };
}

const streamLimits = (env: GatewayEnvironment) => ({
  maximum: env.GATEWAY_STREAMS_MAX,
  anonymous: Math.floor(env.GATEWAY_STREAMS_MAX / 2),
  perAddress: env.GATEWAY_STREAMS_PER_ADDRESS,
  perPerson: env.GATEWAY_STREAMS_PER_PERSON,
});

function tlsFiles({ TLS_CERT: certPath, TLS_KEY: keyPath }: GatewayEnvironment) {
  if (certPath && keyPath) return { certPath, keyPath };
  // An incomplete pair must not disable encryption.
  if (certPath || keyPath) throw new Error('TLS_CERT and TLS_KEY must be set together');
  return undefined;
}
