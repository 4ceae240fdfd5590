import type { InstanceState } from '#contracts/registry';

/** An instance's address, as far as clients need it. */
export interface AddressedInstance {
  readonly host: string;
  readonly grpc_port?: number;
  /** Whether it serves TLS. */
  readonly tls?: boolean;
  readonly state: InstanceState;
}

/** The part of the registry client that gRPC clients need (`watchRegistry`). */
export interface InstanceDirectory {
  /** The instances of a service in any state; empty when there are none. */
  instances(service: string): readonly AddressedInstance[];
  /** Calls `listener` after every change. */
  onChange(listener: () => void): unknown;
}
