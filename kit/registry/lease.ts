import { randomBytes } from 'node:crypto';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { type Heartbeat, Registered, type Registration } from '#contracts/registry';
import { backOffMs, sleep } from '../core/back-off';
import type { Runtime } from '../core/runtime';
import { DependencyUnavailable } from '../errors/problem';
import { callRegistry, type RegistryResponse } from './call';

/** Spreads the heartbeats of many instances: each interval varies by up to a tenth. */
const HEARTBEAT_JITTER = 0.1;
/** Timeout of a deregistration, in addition to the time it waits for gateways. */
const DEREGISTER_TIMEOUT_MS = 2_000;
/**
 * A rejection (conflicting claim, wrong token) is retried as often as a lease is renewed by default: a route is served by
 * its new owner soon after the old one has left.
 */
const REJECTED_RETRY_MS = 5_000;

export interface InstanceLease {
  /** The id of this process in the registry; a new one when the response to a registration was lost. */
  instanceId(): string;
  /** Resolves after the first successful registration, or after deregistration. */
  readonly registered: Promise<void>;
  /** Sends a heartbeat with the state immediately; later heartbeats repeat it. Never throws. */
  setState(state: NonNullable<Heartbeat['state']>): Promise<void>;
  /**
   * Deregisters and stops the heartbeats. Never throws: a lease that cannot be ended expires.
   *
   * @param drainMs how long to wait for the gateways to drain this instance; not at all by default
   * @returns true when every gateway has acknowledged that none of its requests runs here any more
   */
  deregister(drainMs?: number): Promise<boolean>;
}

/**
 * Registers this process and maintains its lease: retries until it succeeds, sends heartbeats, and registers again with a
 * registry that does not know it (after a restart). Call `deregister` before the process stops serving.
 *
 * @param options.urls registry replicas, tried in turn
 * @param options.token REGISTRY_TOKEN, where the registry requires one
 */
export function registerInstance(
  runtime: Runtime,
  options: {
    urls: readonly string[];
    token?: string | undefined;
    registration: Omit<Registration, 'instance_id'>;
  },
): InstanceLease {
  const { registration } = options;
  const log = runtime.log.child({ part: 'registry-lease' });
  const leaving = new AbortController();
  const first = Promise.withResolvers<void>();
  const newInstanceId = () => `${registration.name}-${randomBytes(8).toString('hex')}`;
  let instanceId = newInstanceId();
  let secret: string | undefined;
  let state: Heartbeat['state'];
  let heartbeatMs = 0;
  let turn = Math.floor(Math.random() * options.urls.length);
  let failures = 0;
  let rejection: string | undefined;

  // Without it the service's routes are unknown to every gateway, although the process itself works.
  runtime.dependency({
    name: 'registration',
    required: true,
    async check() {
      if (rejection !== undefined) throw new DependencyUnavailable({ detail: rejection });
      return undefined;
    },
  });

  const url = () => options.urls[turn % options.urls.length] ?? '';
  const call = (path: string, bearer?: string, body?: object) =>
    callRegistry(url(), { method: 'POST', path, bearer, body });

  /** Registers or sends a heartbeat; returns the delay before the next step. */
  async function step(): Promise<number> {
    // A draining instance that has lost its lease does not register again.
    if (secret === undefined && state === 'draining') return heartbeatMs;
    const response = secret === undefined ? await register() : await sendHeartbeat(secret);
    if (failures > 0 && response.status < 300) log.info('The registry is available again');
    failures = response.status < 300 ? 0 : failures;
    return delayAfter(response);
  }

  async function register(): Promise<RegistryResponse> {
    const starting = state === 'starting' || state === 'up' ? { state } : {};
    const body = { ...registration, instance_id: instanceId, ...starting };
    const response = await call('/register', options.token, body);
    if (response.status >= 300) return response;
    if (!isRegistered.Check(response.body))
      throw new Error('The registry sent data that does not match the schema');
    secret = response.body.lease_secret;
    heartbeatMs = response.body.lease.heartbeat_seconds * 1_000;
    log.info({ instance_id: instanceId }, 'registered');
    first.resolve();
    return response;
  }

  const sendHeartbeat = (bearer: string) =>
    call(`/heartbeat/${instanceId}`, bearer, state === undefined ? {} : { state });

  function delayAfter({ status, detail }: RegistryResponse): number {
    rejection = status >= 400 && status < 500 && secret === undefined ? rejectionOf(status) : undefined;
    if (status < 300) return jittered(heartbeatMs);
    if (status === 404 && secret !== undefined) {
      log.warn('The lease is unknown to the registry (restarted, or it has expired); registering again');
      secret = undefined;
      return 0;
    }
    if (status === 403) {
      // An earlier registration succeeded, but its response was lost: its secret is unknown, and its lease expires.
      secret = undefined;
      instanceId = newInstanceId();
      return jittered(1_000);
    }
    if (status >= 500) throw new Error(`The registry responded with ${status}`);
    log.error({ status, detail }, rejectionOf(status));
    return jittered(REJECTED_RETRY_MS);
  }

  async function maintain(): Promise<void> {
    while (!leaving.signal.aborted) {
      const waitMs = await step().catch((failure: unknown) => {
        if (failures === 0) log.warn({ err: failure }, 'The registry is unavailable; reconnecting');
        failures++;
        turn++;
        // The other replicas are tried without a delay.
        if (failures < options.urls.length) return 0;
        return backOffMs(Math.ceil(failures / options.urls.length), { baseMs: 500, capMs: 5_000 });
      });
      await sleep(waitMs, leaving.signal);
    }
  }

  const maintained = maintain();

  async function leave(drainMs: number | undefined): Promise<boolean> {
    leaving.abort();
    await maintained;
    first.resolve();
    if (secret === undefined) return false;
    const waiting = drainMs === undefined ? '' : `?wait=drained&timeout=${drainMs}ms`;
    const path = `/deregister/${instanceId}${waiting}`;
    const timeoutMs = DEREGISTER_TIMEOUT_MS + (drainMs ?? 0);
    for (const _ of options.urls) {
      try {
        const { status, body } = await callRegistry(url(), {
          method: 'DELETE',
          path,
          bearer: secret,
          timeoutMs,
        });
        if (status === 200)
          log.warn({ answer: body }, 'Deregistered before every gateway has drained this instance');
        return drainMs !== undefined && status === 204;
      } catch (failure) {
        turn++;
        log.warn({ err: failure }, 'Deregistration failed at one registry');
      }
    }
    log.warn('Deregistration failed; the lease will expire');
    return false;
  }

  let deregistered: Promise<boolean> | undefined;

  return {
    instanceId: () => instanceId,
    registered: first.promise,
    async setState(next) {
      state = next;
      if (secret === undefined) return;
      await sendHeartbeat(secret).catch((failure: unknown) =>
        log.warn({ err: failure }, 'The state change was not sent; the next heartbeat will send it'),
      );
    },
    deregister(drainMs) {
      deregistered ??= leave(drainMs);
      return deregistered;
    },
  };
}

const isRegistered = TypeCompiler.Compile(Registered);

const jittered = (ms: number) => ms * (1 + HEARTBEAT_JITTER * (2 * Math.random() - 1));

function rejectionOf(status: number): string {
  if (status === 409)
    return 'Registration rejected: another service claims one of these routes; rename it or stop that service';
  if (status === 401) return 'Registration rejected: set REGISTRY_TOKEN to the token of the registry';
  return 'Registration rejected';
}
