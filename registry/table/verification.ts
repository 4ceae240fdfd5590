import type { Instance, RouteClaim } from '#contracts/registry';
import { type Address, isSameAddress } from './addresses';
import type { Candidate, CompleteRegistration, createCandidates } from './candidates';
import { claimsOf } from './claims';
import type { createMerging } from './merge';
import type { ProofOutcome, ProofTarget, Settled } from './model';
import type { InstanceKey } from './records';
import type { Entry, Rows } from './rows';

/** The reason of a candidate before its first verification has ended. */
export const NOT_YET_VERIFIED = 'The address is being verified.';

/** A heartbeat may be late by half an interval before the address is doubted. */
const DOUBTED_HEARTBEATS = 1.5;

interface TableOperations {
  readonly time: () => number;
  /** The wall clock as ISO 8601. */
  readonly timestamp: () => string;
  readonly heartbeatMs: number;
  readonly insert: (entry: Omit<Entry, 'renewedAt' | 'protectedAt' | 'isGone'>) => Entry;
  readonly merging: Pick<ReturnType<typeof createMerging>, 'changedLocally' | 'removingLocally'>;
}

/** The verification of addresses, without its I/O: which to verify, and what follows from each result. */
export function createVerification(
  rows: Rows,
  candidates: ReturnType<typeof createCandidates>,
  table: TableOperations,
) {
  function settle(target: ProofTarget, result: ProofOutcome): Settled {
    const candidate = candidates.get(target.name, target.instance_id);
    if (candidate && isTargeted(target, candidate.registration, candidate.secretHash)) {
      if (result.outcome === 'verified') return promote(candidate, result.routes);
      candidate.reason = result.reason;
      return 'pending';
    }
    const entry = rows.get(target.name, target.instance_id);
    if (!entry || !isTargeted(target, entry.view, entry.secretHash)) return 'gone';
    entry.isGone = result.outcome === 'refused';
    if (result.outcome !== 'failed' || target.verify === 'http') return 'verified';
    demote(entry, result.reason);
    return 'pending';
  }

  function promote(candidate: Candidate, found: readonly RouteClaim[] | undefined): Settled {
    const registration = found ? { ...candidate.registration, routes: [...found] } : candidate.registration;
    const { name, instance_id: instanceId } = registration;
    const claims = claimsOf(registration);
    const conflict = rows.claims.conflict(name, claims);
    const known = rows.get(name, instanceId);
    const isSameLease = known?.secretHash.equals(candidate.secretHash) ?? false;
    const others = rows.addresses.at(registration).filter((entry) => entry !== known || !isSameLease);
    const isProved = others.some(({ view }) => view.verified_by !== 'http');
    if (conflict) candidate.reason = `${conflict.claim} belongs to ${conflict.owner}.`;
    else if (registration.verify === 'http' && isProved)
      candidate.reason = 'Another instance has proved that it listens at this address.';
    if (conflict || (registration.verify === 'http' && isProved)) return 'pending';

    candidates.delete(candidate);
    for (const other of others) if (other !== known) end(other, 'left');
    if (known) rows.remove(known);
    const since = known && isSameLease ? known.view : { registered_at: table.timestamp() };
    const view = { ...viewOf(registration, since), state: candidate.reported };
    const { secretHash, reported, isOwned } = candidate;
    // With the version that it replaces, so that its own is later.
    const version = known?.version ?? '';
    table.merging.changedLocally(
      table.insert({ view, secretHash, claims, reported, version, isOwned, renewedLocally: true }),
    );
    return 'verified';
  }

  /** Something else answers at its address: no longer listed, until it proves itself again. */
  function demote(entry: Entry, reason: string): void {
    const { secretHash, isOwned, reported, renewedAt } = entry;
    end(entry, 'expired');
    candidates.put({
      registration: registrationOf(entry.view),
      secretHash,
      isOwned,
      reported,
      renewedAt,
      reason,
    });
  }

  function end(entry: Entry, reason: 'left' | 'expired'): void {
    table.merging.removingLocally(entry, reason);
    rows.remove(entry);
    rows.bumpRevision(entry.view.name, table.time());
  }

  const isSilent = ({ renewedLocally, renewedAt, reported }: Entry) =>
    renewedLocally &&
    reported !== 'draining' &&
    table.time() - renewedAt >= table.heartbeatMs * DOUBTED_HEARTBEATS;

  return {
    settle,
    target({ name, instance_id: id }: InstanceKey): ProofTarget | undefined {
      const candidate = candidates.get(name, id);
      return candidate && waitingTarget(candidate);
    },
    doubtful: () => ({
      waiting: candidates.all().map(waitingTarget),
      silent: rows.names().flatMap(rows.entriesOf).filter(isSilent).map(silentTarget),
    }),
  };
}

const isTargeted = (target: ProofTarget, address: Address, secretHash: Buffer) =>
  isSameAddress(target, address) && target.secretHash.equals(secretHash);

const waitingTarget = ({ registration, secretHash }: Candidate): ProofTarget => {
  const { name, instance_id, host, port, grpc_port, tls, health_path, openapi } = registration;
  const { verify = 'proof', auth_by = 'gateway' } = registration;
  const address = { host, port, grpc_port, tls };
  return { name, instance_id, ...address, secretHash, verify, auth_by, health_path, openapi };
};

const silentTarget = ({ view, secretHash }: Entry): ProofTarget => {
  const { name, instance_id, host, port, grpc_port, tls } = view;
  const { verified_by: verify = 'proof', auth_by = 'gateway' } = view;
  return { name, instance_id, host, port, grpc_port, tls, secretHash, verify, auth_by };
};

/** @param known what an earlier registration of the instance retains */
export function viewOf(
  registration: CompleteRegistration,
  known: Pick<Instance, 'registered_at' | 'load'> & Partial<Instance>,
): Instance {
  const { name, instance_id, version, host, port, grpc_port, tls, zone } = registration;
  const { routes, prefixes, auth_by, verify } = registration;
  return {
    instance_id,
    name,
    version,
    host,
    port,
    ...(grpc_port !== undefined && { grpc_port }),
    ...(tls === true && { tls }),
    weight: registration.weight ?? 100,
    ...(zone !== undefined && { zone }),
    metadata: registration.metadata ?? {},
    routes,
    prefixes,
    auth_by: auth_by ?? 'gateway',
    verified_by: verify ?? 'proof',
    state: registration.state ?? 'up',
    protected: false,
    ...(known.load !== undefined && { load: known.load }),
    registered_at: known.registered_at,
    changed_at_revision: known.changed_at_revision ?? 0,
  };
}

function registrationOf(view: Instance): CompleteRegistration {
  const {
    state,
    protected: _,
    load,
    registered_at,
    changed_at_revision,
    verified_by,
    ...registration
  } = view;
  return { ...registration, ...(verified_by !== undefined && { verify: verified_by }) };
}
