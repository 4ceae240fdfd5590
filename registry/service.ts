import type { Heartbeat, InstanceState, Registered, Registration } from '#contracts/registry';
import { authorityOf } from '#kit/core/address';
import { ValidationFailed } from '#kit/errors/problem';
import type { StreamContext } from '#kit/http/streams/event-stream-response';
import { credentialsMissing, isCredentialOf, leaseError, requireBearer } from './access/credentials';
import { isRookeryName } from './access/names';
import { completed, registrationProblems } from './access/registration-rules';
import type { RegistryDeps } from './deps';
import { countByState, instancesOf } from './metrics';
import {
  ClaimTaken,
  HostRefused,
  parseDurationMs,
  RegistryFull,
  type ServicesQuery,
  ServiceUnknown,
} from './model';
import { hashSecret, proofKeyOf } from './table/lease-secret';
import { streamOwner } from './watch/stream-owner';

/** The longest long poll, so that no proxy on the way times out first. */
const MAX_WAIT_MS = 60_000;
const MAX_LISTED_UNVERIFIED = 100;

export function register(deps: RegistryDeps, body: Registration, bearer: string | undefined) {
  const { table, lease } = deps;
  const isOwned = authenticate(deps, body, bearer);
  const refusal = deps.addressPolicy(body.host);
  if (refusal) throw new HostRefused({ errors: [{ field: 'host', message: refusal }] });
  const registration = completed(body);
  const errors = registrationProblems(registration, deps);
  if (errors.length > 0) throw new ValidationFailed({ errors });

  const result = table.register(registration, bearer, isOwned);
  if (result.outcome === 'wrong-secret') throw leaseError(result.outcome);
  if (result.outcome === 'full')
    throw new RegistryFull({
      detail: `The limit of ${result.limit} is reached.`,
      headers: { 'retry-after': '30' },
    });
  if (result.outcome === 'conflict')
    throw new ClaimTaken({ detail: `${result.claim} overlaps what ${result.owner} serves. ${HOW_TO_CLAIM}` });
  if (result.isPending) deps.prover.registered({ name: body.name, instance_id: result.instanceId });
  deps.watchers.notify();
  const registered: Registered = {
    instance_id: result.instanceId,
    lease_secret: result.secret,
    proof_key: proofKeyOf(hashSecret(result.secret)),
    lease: {
      heartbeat_seconds: lease.heartbeatMs / 1_000,
      unhealthy_seconds: lease.unhealthyMs / 1_000,
      removed_seconds: lease.removedMs / 1_000,
    },
    revision: table.revision(),
  };
  return { status: result.outcome === 'registered' ? 201 : 200, body: registered } as const;
}

const HOW_TO_CLAIM =
  'Choose another path or name, or serve the route below the name of your service (`prefix_only`).';

/**
 * Whether a registration comes with the credential of its service. A renewal comes with its lease secret.
 *
 * @throws CredentialsMissing where the credential is required, or the name is in use by its holder or reserved to it
 */
function authenticate(
  { table, credentials }: RegistryDeps,
  { name, instance_id: id }: Registration,
  bearer: string | undefined,
): boolean {
  if (isCredentialOf(credentials, name, bearer)) return true;
  const isRenewal = id !== undefined && bearer !== undefined && table.holds(name, id, bearer);
  if (isRenewal) return false;
  if (credentials.required)
    throw credentialsMissing(
      'Send the registration credential of this service as `Authorization: Bearer`. Its operator prints it with `make credential`.',
    );
  if (isRookeryName(name) || table.isOwned(name))
    throw credentialsMissing(
      'This name needs the registration credential of its service. Choose another name.',
    );
  return false;
}

export function heartbeat(
  deps: RegistryDeps,
  instanceId: string,
  bearer: string | undefined,
  reported: Heartbeat,
) {
  const result = deps.table.heartbeat(instanceId, requireBearer(bearer), reported);
  if (result.outcome === 'unverified')
    return { revision: deps.table.revision(), state: result.outcome, reason: result.reason };
  if (result.outcome !== 'renewed') throw leaseError(result.outcome);
  deps.watchers.notify();
  return { revision: deps.table.revision(), state: result.state };
}

/** The whole table as JSON; with `index`, once the revision has passed it or the wait has timed out. */
export async function readServices(
  deps: RegistryDeps,
  query: ServicesQuery,
  context: StreamContext,
): Promise<string> {
  const { table, watchers, streams } = deps;
  const { request } = context;
  const isCurrent =
    query.index === table.revision() && (query.epoch === undefined || query.epoch === table.epoch);
  const waitMs = Math.min(parseDurationMs(query.wait), MAX_WAIT_MS);
  if (isCurrent && waitMs > 0 && request.method !== 'HEAD') {
    const release = streams.acquire(streamOwner(context, false));
    await watchers.waitForChange(waitMs, request.signal).finally(release);
  }
  return deps.listing();
}

export function readService(deps: RegistryDeps, name: string, state: InstanceState | undefined) {
  const unverified = deps.table.unverified().filter((instance) => instance.name === name);
  const service = deps.table.service(name) ?? {
    name,
    revision: deps.table.revision(),
    instances: [],
  };
  if (unverified.length === 0 && !deps.table.service(name))
    throw new ServiceUnknown({ detail: 'No service of this name has registered.' });
  const instances = state
    ? service.instances.filter((instance) => instance.state === state)
    : service.instances;
  return { ...service, instances, unverified };
}

/**
 * Targets of Prometheus' HTTP service discovery. Every instance, unhealthy ones included: alerts need the targets that are
 * down. All but `job` are meta labels, which exist during relabeling only: a target's label hides that of its metrics with
 * the same name, such as `state`, and one that changes begins new series.
 */
export const prometheusTargets = (deps: RegistryDeps) =>
  instancesOf(deps.table).map(({ host, port, tls, name, version, instance_id, zone, state }) => ({
    targets: [authorityOf(host, port)],
    labels: {
      job: name,
      ...(tls && { __scheme__: 'https' }),
      __meta_rookery_instance_id: instance_id,
      __meta_rookery_version: version,
      __meta_rookery_state: state,
      ...(zone !== undefined && { __meta_rookery_zone: zone }),
    },
  }));

export function status(deps: RegistryDeps) {
  const all = instancesOf(deps.table);
  const protectedInstances = all.filter((instance) => instance.protected);
  return {
    name: deps.name,
    version: deps.version,
    epoch: deps.table.epoch,
    uptime_seconds: Math.round(process.uptime() * 1_000) / 1_000,
    revision: deps.table.revision(),
    services: new Set(all.map((instance) => instance.name)).size,
    instances: countByState(all),
    protection: {
      on: protectedInstances.length > 0,
      services: [...new Set(protectedInstances.map((instance) => instance.name))],
      instances: protectedInstances.length,
    },
    unverified: deps.table.unverified().slice(0, MAX_LISTED_UNVERIFIED),
    watchers: deps.watchers.count(),
    acknowledging_watchers: deps.drains.watchers(),
    ...(deps.replication && { sharing: deps.replication.status() }),
  };
}
