import type { InstanceState } from '#contracts/registry';

/** An instance's address, as far as clients need it. */
export interface AddressedInstance {
  readonly host: string;
  readonly grpc_port?: number;
  readonly state: InstanceState;
}

/** What clients need of the registry's live view; `watchRegistry` provides it. */
export interface InstanceDirectory {
  /** The instances of a service in any state; empty when there are none. */
  instances(service: string): readonly AddressedInstance[];
  /** Calls `listener` after every change. */
  onChange(listener: () => void): unknown;
}
