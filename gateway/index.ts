import { sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import { openTokenVerifier } from '#kit/grpc/token-verifier';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { watchRegistry } from '#kit/registry/client';
import { createCrossOrigin } from './admission/cross-origin';
import { openRateLimits } from './admission/rate-limits';
import { createResponseCache } from './admission/response-cache';
import { openSiblings } from './cluster/cluster';
import { createKnowledge } from './cluster/worker-report';
import { createRecentRequests } from './observability/recent-requests';
import { collectDocuments } from './pages/documents';
import { pages } from './pages/index';
import { describeOperatorPages, operatorPages } from './pages/operators';
import { listenGateway } from './proxy/listener';
import { createAllowedMethods } from './routing/allowed-methods';
import { createDecide } from './routing/decide';
import { createDirectory } from './routing/directory';
import { createSurvivalReport } from './routing/resilience-report';
import type { GatewayEnvironment } from './settings';
import { readContracts } from './transcoding/contracts';
import { findTranscodedIn, transcodedRoutes } from './transcoding/rules';
import { createTranscoder } from './transcoding/transcode';

/** Before the first view every address would be unavailable: worth a short wait, but not for a registry that is away. */
const FIRST_VIEW_MS = 3_000;

/**
 * Opens the gateway: follows the registry, decides by what it says, moves the bytes, and answers its own pages.
 *
 * @returns the port it listens on
 * @throws when the port is taken, or the certificate cannot be read
 */
export async function serveGateway(runtime: Runtime, env: GatewayEnvironment): Promise<{ port: number }> {
  const { log, metrics } = runtime;
  const tls = tlsFiles(env);
  const registry = watchRegistry(runtime, {
    urls: env.REGISTRY_URL,
    acknowledges: { token: env.REGISTRY_TOKEN },
  });
  // For revoked tokens only; without it they are known within half a minute.
  const rabbit = openRabbit(runtime, { url: env.AMQP_URL, required: false });
  const tokens = openTokenVerifier(runtime, env, registry, { rabbit, internalSecret: env.INTERNAL_SECRET });
  const transcoded = transcodedRoutes(await readContracts());
  const findTranscoded = findTranscodedIn(transcoded);
  const report = createSurvivalReport(log, metrics);
  const bounds = { concurrency: env.BREAKER_CONCURRENCY, queue: env.BREAKER_QUEUE };
  const directory = createDirectory(registry, findTranscoded, undefined, { bounds, ...report });
  report.watch(directory);
  registry.acknowledgeDrains(directory.isDrained);
  const recent = createRecentRequests();
  const siblings = openSiblings(runtime, createKnowledge({ directory, recent, metrics }), env.GATEWAY_WORKER);
  const registryAgeMs = registry.ageMs;
  const operators = operatorPages({ directory, tokens, findTranscoded, siblings, registryAgeMs });
  const own = await describeOperatorPages(operators, runtime.version);
  const documents = collectDocuments(
    directory,
    { version: runtime.version, url: env.PUBLIC_URL ?? '/', own },
    { log: log.child({ part: 'documents' }), closing: runtime.closing },
  );
  const app = pages(runtime, {
    directory,
    documents,
    tokens,
    operators,
    metrics: siblings.metrics,
    registryAgeMs,
  });
  runtime.dependency({
    name: 'routes',
    required: true,
    async check() {
      if (!directory.isReady()) throw new Error('The registry was never heard from');
      return `${directory.services().length} services`;
    },
  });

  await Promise.race([registry.ready, sleep(FIRST_VIEW_MS, runtime.closing)]);
  const gateway = await listenGateway({
    host: env.HOST,
    port: env.PORT,
    decide: createDecide(
      directory,
      app.routes,
      createTranscoder(runtime, {
        routes: transcoded,
        registry,
        internalSecret: env.INTERNAL_SECRET,
        tokens,
      }),
    ),
    own: async (request) => app.fetch(request),
    revision: directory.revision,
    log,
    metrics,
    spans: runtime.spans,
    recent,
    crossOrigin: createCrossOrigin(env, createAllowedMethods(directory, app.routes)),
    rateLimits: await openRateLimits(runtime, env, tokens),
    responseCache:
      env.RESPONSE_CACHE_BYTES > 0 ? createResponseCache(env.RESPONSE_CACHE_BYTES, metrics) : null,
    trustedProxies: env.TRUSTED_PROXIES,
    limits: { clientsPerAddress: env.CLIENT_CONNECTIONS_PER_ADDRESS },
    reusePort: env.GATEWAY_WORKER,
    ...(tls && { tls }),
  });
  siblings.listening();
  runtime.onClose('gateway', () => gateway.stop({ drainMs: env.SHUTDOWN_TIMEOUT_MS }));
  // It was asked to end before there was anything to stop.
  if (runtime.closing.aborted) await gateway.stop({ drainMs: 0 });
  log.info(`listening on ${tls ? 'https' : 'http'}://${env.HOST}:${gateway.port}`);
  return gateway;
}

function tlsFiles({ TLS_CERT: certPath, TLS_KEY: keyPath }: GatewayEnvironment) {
  if (certPath && keyPath) return { certPath, keyPath };
  // Half of it must not open the door without encryption.
  if (certPath || keyPath) throw new Error('TLS_CERT and TLS_KEY belong together: set both or none');
  return undefined;
}
