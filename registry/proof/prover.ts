import type { Registry } from 'prom-client';
import { backOffMs, sleep } from '#kit/core/back-off';
import type { Logger } from '#kit/core/log';
import { createWorkQueue } from '#kit/core/queues/work-queue';
import type { ProofTarget, Table } from '../table/model';
import { type InstanceKey, keyOf } from '../table/records';
import type { Probe } from './probe';

/** Each probe is one request; more at a time would only make each of them slower. */
const CONCURRENT_PROBES = 32;
/** All instances may wait at once: as many as the table holds. */
const WAITING_PROBES = 20_000;
/** A service answers as soon as it has read the response to its registration: at first after milliseconds. */
const RETRY = { baseMs: 40, capMs: 2_000 };

/**
 * Verifies the addresses of registered instances: of a new one at once and until it succeeds, and of one that has missed a
 * heartbeat, whose address may have a new owner.
 *
 * @param options.changed called after each result that has changed the table
 */
export function createProver(options: {
  readonly table: Table;
  readonly probe: Probe;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly closing: AbortSignal;
  readonly changed: () => void;
}) {
  const { table, probe, closing, changed } = options;
  const queue = createWorkQueue({
    name: 'proofs of address',
    metrics: options.metrics,
    limits: { concurrent: CONCURRENT_PROBES, waiting: WAITING_PROBES },
  });
  const running = new Set<string>();

  async function check(target: ProofTarget) {
    const outcome = await queue.run(() => probe(target));
    const settled = table.settle(target, outcome);
    changed();
    return { outcome, settled };
  }

  /** Repeats until the instance is verified, has ended, or has been replaced by another registration. */
  async function pursue(target: ProofTarget): Promise<void> {
    const { name: service, instance_id } = target;
    for (let attempt = 1; !closing.aborted; attempt++) {
      // Registered again meanwhile, it may have named another path.
      const present = table.target(target);
      if (present === undefined || !present.secretHash.equals(target.secretHash)) return;
      const { outcome, settled } = await check(present);
      if (settled !== 'pending') return;
      const reason = 'reason' in outcome ? outcome.reason : table.reasonOf(target);
      if (attempt === LOGGED_ATTEMPT)
        options.log.warn({ service, instance_id, reason }, 'an address is not verified; not routed');
      await sleep(backOffMs(attempt, RETRY), closing);
    }
  }

  function run(target: ProofTarget, work: (target: ProofTarget) => Promise<unknown>) {
    const key = `${keyOf(target)} ${target.secretHash.toString('base64url')} ${target.port} ${target.grpc_port} ${target.tls}`;
    if (running.has(key)) return;
    running.add(key);
    void work(target)
      .catch((failure: unknown) => options.log.warn({ err: failure }, 'verifying an address failed'))
      .finally(() => running.delete(key));
  }

  return {
    /** Verifies a new instance now. */
    registered(key: InstanceKey): void {
      const target = table.target(key);
      if (target) run(target, pursue);
    },
    /** To be called periodically: verifies what waits, and what has missed a heartbeat. */
    tick(): void {
      const { waiting, silent } = table.doubtful();
      for (const target of waiting) run(target, pursue);
      for (const target of silent) run(target, check);
    },
  };
}

/** By then a service has answered whose response was only late. */
const LOGGED_ATTEMPT = 4;
