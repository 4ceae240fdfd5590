import type {
  AuthEnforcer,
  Heartbeat,
  Instance,
  InstanceState,
  RouteClaim,
  ServiceChange,
  ServicesSnapshot,
  UnverifiedInstance,
} from '#contracts/registry';
import type { CompleteRegistration } from './candidates';
import type { ClaimConflict } from './claims';
import type { LeaseRules } from './expiry';
import type { InstanceKey, InstanceRecord } from './records';
import type { TableLimits } from './rows';

export interface TableOptions {
  /** Monotonic milliseconds; wall clocks jump. */
  readonly now: () => number;
  /** The wall clock as ISO 8601, for display only. */
  readonly timestamp: () => string;
  /** New at every start. */
  readonly epoch: string;
  readonly lease: LeaseRules;
  readonly limits: TableLimits;
  /** How often `expire` is called. */
  readonly sweepMs: number;
  /** Where replicas share the table. */
  readonly replication?: ReplicationHooks | undefined;
}

/** A registration whose id may be chosen by the table. */
export type RegistrationInput = Omit<CompleteRegistration, 'instance_id'> & { readonly instance_id?: string };

/** What the table needs of replication, and what it reports to it. */
export interface ReplicationHooks {
  /** Distinguishes versions that replicas create at the same time. */
  readonly replica: string;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Whether the table lists every registered instance. */
  readonly isComplete: () => boolean;
  /** The record of this instance has changed on this replica. */
  readonly changed: (instance: InstanceKey) => void;
  /** This instance has renewed its lease on this replica, and nothing else has changed. */
  readonly renewed: (instance: InstanceKey & Pick<Instance, 'load'>) => void;
}

export type RegisterResult =
  | {
      readonly outcome: 'registered' | 'renewed';
      readonly instanceId: string;
      readonly secret: string;
      /** Waits for the verification of its address. */
      readonly isPending: boolean;
    }
  | { readonly outcome: 'wrong-secret' }
  | { readonly outcome: 'full'; readonly limit: 'services' | 'instances' | 'instancesPerService' }
  | ({ readonly outcome: 'conflict' } & ClaimConflict);

export type HeartbeatResult =
  | { readonly outcome: 'renewed'; readonly state: InstanceState }
  | { readonly outcome: 'unverified'; readonly reason: string }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'wrong-secret' };

export interface RemoveResult {
  readonly outcome: 'removed' | 'unknown' | 'wrong-secret';
}

/** An address to verify, and what its instance registered for that. */
export interface ProofTarget extends InstanceKey {
  readonly host: string;
  readonly port: number;
  readonly grpc_port?: number | undefined;
  readonly tls?: boolean | undefined;
  readonly auth_by: AuthEnforcer;
  readonly secretHash: Buffer;
  readonly verify: 'proof' | 'http';
  readonly health_path?: string | undefined;
  readonly openapi?: string | undefined;
}

export type ProofOutcome =
  /** With the routes of its OpenAPI document, where it registered one. */
  | { readonly outcome: 'verified'; readonly routes?: readonly RouteClaim[] }
  /**
   * `failed`: something else answers there. `refused`: nothing listens there. `unreachable`: no answer, which says nothing.
   */
  | { readonly outcome: 'failed' | 'refused' | 'unreachable'; readonly reason: string };

/** What became of the instance: `gone` when it has ended or changed meanwhile. */
export type Settled = 'verified' | 'pending' | 'gone';

export interface MergeResult {
  /** `refuted`: another replica removed it as expired, but it has renewed its lease on this one. */
  readonly outcome: 'applied' | 'stale' | 'refuted';
  /** Another service owns a claim of this instance: both registered at the same moment, on different replicas. */
  readonly conflict?: ClaimConflict | undefined;
}

export interface Table {
  readonly epoch: string;
  revision(): number;
  /**
   * Registers an instance, which is listed once its address is verified, or renews and updates it for the holder of its
   * secret. Anyone may try to take over the address of an instance, and succeeds by proving it.
   *
   * @param isOwned with the credential of the service
   */
  register(registration: RegistrationInput, secret?: string, isOwned?: boolean): RegisterResult;
  /** Whether this secret is that of the instance, verified or not. */
  holds(name: string, instanceId: string, secret: string): boolean;
  /** Whether a service registered with its credential, in the last hour at least. */
  isOwned(name: string): boolean;
  /** The instances that wait for verification, with the reason why they are not routed. */
  unverified(): UnverifiedInstance[];
  /** Why an instance that waits for verification is not routed. */
  reasonOf(key: InstanceKey): string | undefined;
  /** The address of an instance that waits for verification. */
  target(key: InstanceKey): ProofTarget | undefined;
  /** Instances that wait for verification, and the addresses of those that have missed a heartbeat of this replica. */
  doubtful(): { readonly waiting: ProofTarget[]; readonly silent: ProofTarget[] };
  /**
   * Applies the result of a verification. Verified, an instance is listed, and every other lease at its address ends. An
   * instance at whose address something else answers is no longer listed.
   */
  settle(target: ProofTarget, result: ProofOutcome): Settled;
  heartbeat(instanceId: string, secret: string, reported?: Heartbeat): HeartbeatResult;
  /** A heartbeat that reports `draining`: no new requests, removal follows. */
  drain(instanceId: string, secret: string): HeartbeatResult;
  remove(instanceId: string, secret: string): RemoveResult;
  /**
   * Marks silent instances unhealthy and removes them. To be called every `sweepMs`.
   *
   * @param peers `disconnected` while no heartbeats arrive from other replicas: leases renewed there do not age
   */
  expire(now?: number, peers?: 'connected' | 'disconnected'): void;
  /** Applies another replica's record of an instance. */
  merge(record: InstanceRecord): MergeResult;
  /** The instance has renewed its lease on another replica. False when it is unknown on this one. */
  renewedRemotely(key: InstanceKey, load: number | undefined): boolean;
  /** The record of an instance, for other replicas. */
  record(key: InstanceKey): InstanceRecord | undefined;
  /** The version of its record; empty when it is unknown. */
  versionOf(key: InstanceKey): string;
  /** All registered and all recently removed instances. */
  keys(): InstanceKey[];
  instance(name: string, instanceId: string): Instance | undefined;
  /** The instance that this secret belongs to. */
  find(instanceId: string, secret: string): Instance | 'unknown' | 'wrong-secret';
  /** One service, or undefined for a name never registered. Empty when all of its instances are removed. */
  service(name: string): ServiceChange | undefined;
  snapshot(): ServicesSnapshot;
  /** Whether the table lists every registered instance; undefined without replication. */
  isComplete(): boolean | undefined;
  /**
   * The services that changed after a revision, each once with its present instances, oldest change first.
   * Only each service's last revision is stored for this, so it is as bounded as the table.
   *
   * @returns undefined when the revision is not of this table or too old: take a snapshot
   */
  since(revision: number): ServiceChange[] | undefined;
}
