import { createHash, randomBytes } from 'node:crypto';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { type Heartbeat, Registered, type Registration } from '#contracts/registry';
import { authorityOf, canonicalHost } from '../core/address';
import { backOffMs, sleep } from '../core/back-off';
import type { Runtime } from '../core/runtime';
import { DependencyUnavailable } from '../errors/problem';
import { type AnswerChallenge, proofOf } from './address-proof';
import { callRegistry, type RegistryResponse } from './call';

/** Spreads the heartbeats of many instances: each interval varies by up to a tenth. */
const HEARTBEAT_JITTER = 0.1;
/** Timeout of a deregistration, in addition to the time it waits for gateways. */
const DEREGISTER_TIMEOUT_MS = 2_000;
/** A challenge that overtakes the response to its registration waits for that, but not for a registry that hangs. */
const CHALLENGE_WAIT_MS = 1_000;
/**
 * A rejection (conflicting claim, wrong token) is retried as often as a lease is renewed by default: a route is served by
 * its new owner soon after the old one has left.
 */
const REJECTED_RETRY_MS = 5_000;

export interface InstanceLease {
  /** The id of this process in the registry: that of its service and address, so that a restart continues its lease. */
  instanceId(): string;
  /** Proves the address of this instance to the registry, which routes to it only then. */
  readonly answerChallenge: AnswerChallenge;
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
 * @param options.credential the registration credential of the service, where the registry requires one
 * @param options.registration its `instance_id` is derived from service and address unless it is given
 */
export function registerInstance(
  runtime: Runtime,
  options: {
    urls: readonly string[];
    credential?: string | undefined;
    registration: Registration;
  },
): InstanceLease {
  const { registration } = options;
  const { internalTls } = runtime;
  const log = runtime.log.child({ part: 'registry-lease' });
  const leaving = new AbortController();
  const first = Promise.withResolvers<void>();
  const stableId = registration.instance_id ?? instanceIdOf(registration);
  let instanceId = stableId;
  let secret: string | undefined;
  let proofKey: string | undefined;
  /** Pending while a registration is. */
  let registering: Promise<unknown> = Promise.resolve();
  let isUnverified = false;
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
    callRegistry(url(), { internalTls, method: 'POST', path, bearer, body });

  /** Registers or sends a heartbeat; returns the delay before the next step. */
  async function step(): Promise<number> {
    // A draining instance that has lost its lease does not register again.
    if (secret === undefined && state === 'draining') return heartbeatMs;
    const response = await (secret === undefined ? beginRegistration() : sendHeartbeat(secret));
    if (failures > 0 && response.status < 300) log.info('The registry is available again');
    failures = response.status < 300 ? 0 : failures;
    return delayAfter(response);
  }

  function beginRegistration(): Promise<RegistryResponse> {
    const attempt = register();
    registering = attempt.catch(() => undefined);
    return attempt;
  }

  async function register(): Promise<RegistryResponse> {
    const starting = state === 'starting' || state === 'up' ? { state } : {};
    const body = { ...registration, instance_id: instanceId, ...starting };
    const response = await call('/register', options.credential, body);
    if (response.status >= 300) return response;
    if (!isRegistered.Check(response.body))
      throw new Error('The registry sent data that does not match the schema');
    secret = response.body.lease_secret;
    proofKey = response.body.proof_key;
    heartbeatMs = response.body.lease.heartbeat_seconds * 1_000;
    log.info({ instance_id: instanceId }, 'registered');
    first.resolve();
    return response;
  }

  const sendHeartbeat = (bearer: string) =>
    call(`/heartbeat/${instanceId}`, bearer, state === undefined ? {} : { state });

  function delayAfter({ status, detail, body }: RegistryResponse): number {
    rejection = status >= 400 && status < 500 && secret === undefined ? rejectionOf(status) : undefined;
    if (status < 300) {
      reportVerification(unverifiedReason(body));
      return jittered(heartbeatMs);
    }
    if (status === 404 && secret !== undefined) {
      log.warn('The lease is unknown to the registry (restarted, or it has expired); registering again');
      secret = undefined;
      return 0;
    }
    if (status === 403) {
      // The id belongs to an instance at another address, which proof of this one does not take over.
      secret = undefined;
      instanceId = `${stableId.slice(0, MAX_ID_LENGTH - 9)}-${randomBytes(4).toString('hex')}`;
      return jittered(1_000);
    }
    if (status >= 500) throw new Error(`The registry responded with ${status}`);
    log.error({ status, detail }, rejectionOf(status));
    return jittered(REJECTED_RETRY_MS);
  }

  function reportVerification(reason: string | undefined) {
    if (reason !== undefined && !isUnverified)
      log.warn({ instance_id: instanceId, reason }, 'The registry does not route to this instance');
    isUnverified = reason !== undefined;
  }

  async function answerChallenge(id: string, challenge: string): Promise<string | null> {
    if (id !== instanceId) return null;
    await Promise.race([registering, sleep(CHALLENGE_WAIT_MS, leaving.signal)]);
    return proofKey === undefined ? null : proofOf(proofKey, challenge);
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
          internalTls,
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
    answerChallenge,
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

const MAX_ID_LENGTH = 100;

/** The same for a process that is started again at the same address, which it does not show: ids are public. */
function instanceIdOf({ name, host, port }: Registration): string {
  const address = createHash('sha256')
    .update(authorityOf(canonicalHost(host), port))
    .digest('hex');
  return `${name}-${address.slice(0, 16)}`;
}

const unverifiedReason = (body: unknown): string | undefined =>
  typeof body === 'object' && body !== null && 'reason' in body && typeof body.reason === 'string'
    ? body.reason
    : undefined;

const jittered = (ms: number) => ms * (1 + HEARTBEAT_JITTER * (2 * Math.random() - 1));

function rejectionOf(status: number): string {
  if (status === 409)
    return 'Registration rejected: another service claims one of these routes; rename it or stop that service';
  if (status === 401)
    return 'Registration rejected: set REGISTRY_CREDENTIAL to the credential of this service, or REGISTRY_TOKEN to that of the registry';
  return 'Registration rejected';
}
