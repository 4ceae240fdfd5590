import type { AnyElysia } from 'elysia';
import type { Caller } from '../../auth/caller';
import { repeatEvery } from '../../core/repeat';
import type { Runtime } from '../../core/runtime';
import { continueTrace, withTrace } from '../../tracing/context';
import { exchangeOf } from '../exchange';

/** A request that a service makes to itself before it is ready. */
export interface WarmUpRequest {
  /** Path and query of a GET route that changes nothing, for anybody or for the caller of `asUser`. */
  readonly path: string;
  /** Made as somebody who does not exist, and thus has nothing. */
  readonly asUser?: boolean;
}

/** Enough for the first compiler tier of JavaScriptCore, and for a connection to every server that a route reads from. */
const ROUNDS = 60;
const CONCURRENT = 4;
/** Many processes start together, on few cores: what is not warm by then gets warm by its clients. */
const MAX_MS = 1_000;

/** JavaScriptCore drops code that has not run for some seconds at its next full collection. */
const KEEP_EVERY_MS = 10_000;

/** No user has this id: it is not random. */
const NOBODY: Caller = {
  id: '00000000-0000-7000-8000-000000000000',
  username: 'nobody',
  roles: [],
  permissions: [],
  sessionId: '00000000-0000-7000-8000-000000000000',
  tokenId: '00000000-0000-7000-8000-000000000000',
  signedInAt: 0,
  issuedAt: 0,
  expiresAt: Number.MAX_SAFE_INTEGER,
};

/**
 * Runs the hot routes of a service in process, before it listens: routes are composed, code is compiled and connections are
 * opened before the first client comes. These requests are not logged, measured or traced, and what fails is left to
 * the clients: a server that is not available yet keeps no process from starting.
 *
 * @param requests besides the health check
 * @param options.maxMs how long it may take; a second by default
 */
export async function warmUp(
  runtime: Runtime,
  app: AnyElysia,
  requests: readonly WarmUpRequest[],
  { maxMs = MAX_MS }: { maxMs?: number } = {},
): Promise<void> {
  const untilMs = performance.now() + maxMs;
  const pending = new Set([HEALTH_CHECK, ...requests]);
  for (let round = 0; round < ROUNDS && pending.size > 0; round += CONCURRENT)
    for (const request of pending) {
      if (performance.now() > untilMs || runtime.closing.aborted) return;
      const statuses = await Promise.all(Array.from({ length: CONCURRENT }, () => send(app, request)));
      const failed = statuses.find((status) => status >= 400);
      if (failed === undefined) continue;
      pending.delete(request);
      runtime.log.info({ path: request.path, status: failed }, 'A route could not be warmed up');
    }
}

/**
 * Makes each of these requests once in ten seconds, so that the first client after an idle time finds code and connections in
 * use: without it that request took as long as the first one after the start. Costs less than a millisecond a time.
 */
export function stayWarm(
  runtime: Runtime,
  app: AnyElysia,
  requests: readonly WarmUpRequest[],
  { everyMs = KEEP_EVERY_MS }: { everyMs?: number } = {},
): void {
  repeatEvery(runtime, 'staying warm', { everyMs, firstRun: 'later' }, async () => {
    for (const request of [HEALTH_CHECK, ...requests]) await send(app, request);
  });
}

/** Warms what all routes share. */
const HEALTH_CHECK: WarmUpRequest = { path: '/healthz' };

async function send(app: AnyElysia, { path, asUser = false }: WarmUpRequest): Promise<number> {
  const request = new Request(`http://localhost${path}`);
  return withTrace(continueTrace({}), async () => {
    const exchange = exchangeOf(request);
    exchange.isWarmUp = true;
    if (asUser) exchange.caller = NOBODY;
    const response = await app.fetch(request);
    await response.arrayBuffer();
    return response.status;
  });
}
