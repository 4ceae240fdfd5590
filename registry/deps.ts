import type { Shares } from '#kit/http/shares/shares';
import type { AddressPolicy } from './access/address-policy';
import type { CredentialRules } from './access/credentials';
import type { Drains } from './drains/drains';
import type { createProver } from './proof/prover';
import type { Replication } from './replication/replication';
import type { LeaseRules } from './table/expiry';
import type { Table } from './table/model';
import type { Watchers } from './watch/watchers';

export interface RegistryDeps {
  readonly name: string;
  readonly version: string;
  readonly table: Table;
  readonly watchers: Watchers;
  /** The open watches and long polls, by their owners. */
  readonly streams: Shares;
  readonly drains: Drains;
  readonly countDrain: (outcome: 'drained' | 'timed-out' | 'unacknowledged') => void;
  /** Undefined when the registry runs standalone. */
  readonly replication: Replication | undefined;
  readonly lease: LeaseRules;
  readonly addressPolicy: AddressPolicy;
  readonly credentials: CredentialRules;
  /** Whether every instance must prove its address. */
  readonly requiresProof: boolean;
  /** Whether it can verify the certificates of instances that serve TLS. */
  readonly verifiesTls: boolean;
  /** Whether a Host header names this registry. */
  readonly isOwnHost: (host: string | null) => boolean;
  readonly prover: Pick<ReturnType<typeof createProver>, 'registered'>;
  /** The table as JSON. */
  readonly listing: () => string;
  /** Ends every open stream and every wait for a drain. */
  readonly close: () => void;
}
