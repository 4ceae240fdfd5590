import { randomBytes } from 'node:crypto';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { type Heartbeat, Registered, type Registration } from '#contracts/registry';
import { backOffMs, sleep } from '../core/back-off';
import type { Logger } from '../core/log';
import type { Runtime } from '../core/runtime';
import { callRegistry, type RegistryAnswer } from './call';

/** Beats of many instances spread over time instead of keeping step: each interval is off by up to a tenth. */
const HEARTBEAT_JITTER = 0.1;
/** How long the answer to a leaving may take, besides what it waits for. */
const ANSWER_MS = 2_000;
/** A refusal that needs a human (claim taken, token wrong) is tried again this often. */
const REFUSED_RETRY_MS = 15_000;

export interface InstanceLease {
  /** What the registry lists this process as; a new one when a registration's answer was lost. */
  instanceId(): string;
  /** Resolves when the registry has entered this instance for the first time, or when it has left. */
  readonly registered: Promise<void>;
  /** Says so at once; every later beat repeats it. Never throws. */
  setState(state: NonNullable<Heartbeat['state']>): Promise<void>;
  /**
   * Leaves the registry and stops beating. Never throws: a lease that cannot be ended lapses.
   *
   * @param drainMs waits at most so long for the gateways to let go of this instance
   * @returns true when it has waited, and every gateway has said that no request of its runs here any more
   */
  deregister(drainMs?: number): Promise<boolean>;
}

/**
 * Registers this process and keeps its lease: tries until it works, beats, registers again with a registry that does
 * not know it (one that was restarted). Call `deregister` before the process stops answering.
 *
 * @param urls registries, tried in turn
 * @param token REGISTRY_TOKEN, where the registry asks for one
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

  const url = () => options.urls[turn % options.urls.length] ?? '';
  const call = (path: string, bearer?: string, body?: object) =>
    callRegistry(url(), { method: 'POST', path, bearer, body });

  /** One step of the lease's life; returns how long to wait before the next. */
  async function step(): Promise<number> {
    // One that is leaving and lost its lease has nothing to come back for.
    if (secret === undefined && state === 'draining') return heartbeatMs;
    const answer = secret === undefined ? await register() : await beat(secret);
    if (failures > 0 && answer.status < 300) log.info('the registry answers again');
    failures = answer.status < 300 ? 0 : failures;
    return waitAfter(answer);
  }

  async function register(): Promise<RegistryAnswer> {
    const starting = state === 'starting' || state === 'up' ? { state } : {};
    const body = { ...registration, instance_id: instanceId, ...starting };
    const answer = await call('/register', options.token, body);
    if (answer.status >= 300) return answer;
    if (!isRegistered.Check(answer.body)) throw new Error('The registry answered outside of its contract');
    secret = answer.body.lease_secret;
    heartbeatMs = answer.body.lease.heartbeat_seconds * 1_000;
    log.info({ instance_id: instanceId }, 'registered');
    first.resolve();
    return answer;
  }

  const beat = (bearer: string) =>
    call(`/heartbeat/${instanceId}`, bearer, state === undefined ? {} : { state });

  function waitAfter({ status, detail }: RegistryAnswer): number {
    if (status < 300) return jittered(heartbeatMs);
    if (status === 404 && secret !== undefined) {
      log.warn('the registry does not know this instance (it was restarted, or this process stood still)');
      secret = undefined;
      return 0;
    }
    if (status === 403) {
      // An earlier registration arrived though its answer was lost: its secret is gone, and its lease will lapse.
      secret = undefined;
      instanceId = newInstanceId();
      return jittered(1_000);
    }
    if (status >= 500) throw new Error(`The registry answered with ${status}`);
    log.error({ status, detail }, refusalOf(status));
    return jittered(REFUSED_RETRY_MS);
  }

  async function keep(): Promise<void> {
    while (!leaving.signal.aborted) {
      const waitMs = await step().catch((failure: unknown) => {
        if (failures === 0) log.warn({ err: failure }, 'cannot reach the registry: trying on');
        failures++;
        turn++;
        // The others are asked at once.
        if (failures < options.urls.length) return 0;
        return backOffMs(Math.ceil(failures / options.urls.length), { baseMs: 500, capMs: 5_000 });
      });
      await sleep(waitMs, leaving.signal);
    }
  }

  const keeping = keep();

  async function leave(drainMs: number | undefined): Promise<boolean> {
    leaving.abort();
    await keeping;
    first.resolve();
    if (secret === undefined) return false;
    const waiting = drainMs === undefined ? '' : `?wait=drained&timeout=${drainMs}ms`;
    const path = `/deregister/${instanceId}${waiting}`;
    const timeoutMs = ANSWER_MS + (drainMs ?? 0);
    for (const _ of options.urls) {
      try {
        const { status, body } = await callRegistry(url(), {
          method: 'DELETE',
          path,
          bearer: secret,
          timeoutMs,
        });
        if (status === 200) log.warn({ answer: body }, 'left before every gateway has let go');
        return drainMs !== undefined && status === 204;
      } catch (failure) {
        turn++;
        log.warn({ err: failure }, 'a registry did not answer this leaving');
      }
    }
    log.warn('could not deregister: the lease will lapse');
    return false;
  }

  let left: Promise<boolean> | undefined;

  return {
    instanceId: () => instanceId,
    registered: first.promise,
    async setState(next) {
      state = next;
      if (secret === undefined) return;
      await beat(secret).catch((failure: unknown) => sayLater(log, failure));
    },
    deregister(drainMs) {
      left ??= leave(drainMs);
      return left;
    },
  };
}

const isRegistered = TypeCompiler.Compile(Registered);

const jittered = (ms: number) => ms * (1 + HEARTBEAT_JITTER * (2 * Math.random() - 1));

const sayLater = (log: Logger, failure: unknown) =>
  log.warn({ err: failure }, 'could not tell the registry of a new state: the next beat will');

function refusalOf(status: number): string {
  if (status === 409)
    return 'not registered: another service answers one of these routes. Rename it, or stop the other service';
  if (status === 401) return 'not registered: set REGISTRY_TOKEN to the token of the registry';
  return 'not registered: the registry refuses this registration';
}
