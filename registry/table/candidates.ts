import type { Registration, RouteClaim, UnverifiedInstance } from '#contracts/registry';
import { isSecret } from './lease-secret';
import { keyOf } from './records';
import type { Entry } from './rows';

/** A registration with all of its defaults. */
export interface CompleteRegistration extends Registration {
  readonly version: string;
  readonly instance_id: string;
  routes: RouteClaim[];
  prefixes: string[];
}

/** An instance that holds a lease but is not routed yet: its address is not verified. */
export interface Candidate {
  readonly registration: CompleteRegistration;
  readonly secretHash: Buffer;
  /** Registered with the credential of its service. */
  readonly isOwned: boolean;
  reported: Entry['reported'];
  renewedAt: number;
  /** Why it is not routed. */
  reason: string;
}

/**
 * Instances by service and id that wait for the verification of their address. They are no part of what watchers see, and
 * each is known to the replica that registered it only.
 */
export function createCandidates() {
  const candidates = new Map<string, Candidate>();

  return {
    get: (name: string, instanceId: string) => candidates.get(keyOf({ name, instance_id: instanceId })),
    put: (candidate: Candidate) => void candidates.set(keyOf(candidate.registration), candidate),
    delete: (candidate: Candidate) => void candidates.delete(keyOf(candidate.registration)),
    find: (instanceId: string, secret: string): Candidate | undefined =>
      [...candidates.values()].find(
        ({ registration, secretHash }) =>
          registration.instance_id === instanceId && isSecret(secret, secretHash),
      ),
    hasId: (instanceId: string) =>
      [...candidates.values()].some(({ registration }) => registration.instance_id === instanceId),
    /** Removes those without a heartbeat since `time`, in lease time. */
    expire(time: number): void {
      for (const [key, { renewedAt }] of candidates) if (renewedAt <= time) candidates.delete(key);
    },
    all: () => [...candidates.values()],
    countOf: (name: string) =>
      [...candidates.values()].filter((one) => one.registration.name === name).length,
    size: () => candidates.size,
  };
}

/** As listings show it. */
export function unverifiedOf({ registration, reason }: Candidate): UnverifiedInstance {
  const { name, instance_id, host, port, grpc_port } = registration;
  return { instance_id, name, host, port, ...(grpc_port !== undefined && { grpc_port }), reason };
}
