import { hostname } from 'node:os';
import { backOffMs, sleep } from '../../core/back-off';
import type { Executor } from '../database';
import { keepLease, LEASE_MS } from './lease-keeper';
import {
  acquireLease,
  type LeaseGrant,
  type LeaseTerms,
  listLeases,
  releaseLease,
  renewLease,
} from './store';

/** Describes this process to operators. */
export const leaseHolder = (): string => `process ${process.pid} on ${hostname()}`;

/** While another holds it. */
const POLL = { baseMs: 100, capMs: 1_000 };

/** Aborts the work when the lease is lost. */
export class LeaseLost extends Error {}

/**
 * Runs work in one process at a time: whoever holds the lease of that name in this database. It is renewed meanwhile and
 * released in the end; that of a process that died is free after 30 seconds.
 *
 * The work may overlap with that of the next holder, for as long as it goes on after `lost` has aborted: what must not
 * happen twice needs a guard of its own.
 *
 * @param options.wait until when to wait for another holder; not at all by default
 * @param work its signal aborts with `LeaseLost` once another may hold the lease
 * @returns undefined, without running the work, when another holds the lease
 */
export async function withLease<Result>(
  database: Executor,
  options: { readonly name: string; readonly wait?: AbortSignal },
  work: (lost: AbortSignal) => Promise<Result>,
): Promise<Result | undefined> {
  const terms = { holder: leaseHolder(), leaseMs: LEASE_MS };
  const held = await acquireWaiting(database, options, terms);
  if (held === null) return undefined;
  const done = new AbortController();
  const lost = new AbortController();
  const keeping = keepLease(() => renewLease(database, held.grant, terms), held.sinceMs, done.signal).then(
    (end) => {
      if (end !== 'stopped') lost.abort(new LeaseLost(`The lease ${options.name} was lost: ${end}`));
    },
  );
  try {
    return await work(lost.signal);
  } finally {
    done.abort();
    await keeping;
    // Otherwise it expires.
    if (!lost.signal.aborted) await releaseLease(database, held.grant).catch(() => undefined);
  }
}

async function acquireWaiting(
  database: Executor,
  { name, wait }: { readonly name: string; readonly wait?: AbortSignal },
  terms: LeaseTerms,
): Promise<{ grant: LeaseGrant; sinceMs: number } | null> {
  for (let attempt = 1; ; attempt++) {
    const row = (await listLeases(database, name)).find((each) => each.name === name);
    const sinceMs = performance.now();
    const grant = row?.isFree === false ? null : await acquireLease(database, row ?? { name }, terms);
    if (grant !== null) return { grant, sinceMs };
    if (wait === undefined || wait.aborted) return null;
    await sleep(backOffMs(attempt, POLL), wait);
  }
}
