import { type ChannelOptions, Client, connectivityState, credentials, status } from '@grpc/grpc-js';
import type { AddressedInstance, InstanceDirectory } from '../registry/instances';
import {
  createOutlierEjection,
  createOutlierState,
  mayProbe,
  type OutlierState,
} from '../resilience/outlier-ejection';

/** An open connection to one instance. */
export interface Channel {
  readonly address: string;
  readonly client: Client;
  readonly standing: OutlierState;
  inFlight: number;
}

/** What says that the instance did not answer, not that it answered badly. */
const FAILURES: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]);

/** A restarted instance is found again within a second; the library's own longest wait is two minutes. */
const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // A peer that vanished without a word is noticed after 30 + 5 s, also while calls are waiting.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // With the shared pool a closed channel's socket lingers; here each channel owns the one it has.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
};

/**
 * The connections to one service: one for each instance the registry lists, opened at its first call and
 * closed once the instance is gone and its last call has ended. An instance that fails five calls in a row is left
 * out for a while, as the gateway does it.
 *
 * @param now monotonic milliseconds
 */
export function openChannels(
  service: string,
  registry: InstanceDirectory,
  now: () => number = () => performance.now(),
) {
  const ejection = createOutlierEjection();
  let members: readonly Channel[] = [];
  const channels = new Map<string, Channel>();
  const leaving = new Set<Channel>();
  let turn = 0;

  function channelTo(address: string): Channel {
    const present = channels.get(address);
    if (present !== undefined) return present;
    const client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
    const channel: Channel = { address, client, standing: createOutlierState(), inFlight: 0 };
    channels.set(address, channel);
    return channel;
  }

  function leave(channel: Channel) {
    channels.delete(channel.address);
    if (channel.inFlight === 0) channel.client.close();
    else leaving.add(channel);
  }

  function learn(standing: OutlierState, code: status, begunMs: number) {
    const wasProbe = standing.ejectedUntilMs !== null && begunMs >= standing.ejectedUntilMs;
    if (code === status.CANCELLED) {
      if (wasProbe) standing.probing = false;
    } else if (FAILURES.has(code)) ejection.failed(standing, wasProbe, now());
    else ejection.succeeded(standing, wasProbe, now());
  }

  registry.onChange(() => {
    const listed = new Set(registry.instances(service).map(addressOf));
    for (const channel of channels.values()) if (!listed.has(channel.address)) leave(channel);
  });

  return {
    /**
     * The connection for the next call: to an instance not yet tried, connected before broken, least busy, in turn.
     * Undefined when no instance may be called.
     *
     * @param repeatable whether the call can be made again elsewhere: such a one may find out about an ejected instance
     */
    pick(tried: ReadonlySet<string>, repeatable: boolean): Channel | undefined {
      const candidates = callable(registry.instances(service)).map(channelTo);
      if (candidates.length !== members.length || candidates.some((one, index) => one !== members[index])) {
        members = candidates;
        ejection.setMembers(members.map(({ standing }) => standing));
      }
      const isFresh = ({ address }: Channel) => !tried.has(address);
      const due = candidates.filter(isFresh).find(({ standing }) => mayProbe(standing, now(), repeatable));
      if (due !== undefined) {
        due.standing.probing = true;
        return due;
      }
      const taking = candidates.filter(takesPart);
      const fresh = taking.filter(isFresh);
      const start = turn++;
      const rotated = (fresh.length > 0 ? fresh : taking).map(
        (_, index, all) => all[(start + index) % all.length],
      );
      return rotated.reduce(
        (best, channel) =>
          best === undefined || (channel && burden(channel) < burden(best)) ? channel : best,
        undefined,
      );
    },
    /** @param begunMs when the call was made, by the clock given */
    release(channel: Channel, code: status, begunMs: number): void {
      channel.inFlight--;
      learn(channel.standing, code, begunMs);
      if (channel.inFlight === 0 && leaving.delete(channel)) channel.client.close();
    },
    close(): void {
      for (const channel of [...channels.values(), ...leaving]) channel.client.close();
      channels.clear();
      leaving.clear();
    },
  };
}

/** Those that are up; only when there is none, those that have gone silent but may still answer. */
function callable(instances: readonly AddressedInstance[]): string[] {
  const reachable = instances.filter((instance) => instance.grpc_port !== undefined);
  const up = reachable.filter((instance) => instance.state === 'up');
  return (up.length > 0 ? up : reachable.filter((instance) => instance.state === 'unhealthy')).map(addressOf);
}

const addressOf = ({ host, grpc_port: port }: AddressedInstance) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const takesPart = ({ standing }: Channel) => standing.ejectedUntilMs === null;

/** Calls running; a connection that cannot be made at present comes after all that can. */
function burden(channel: Channel): number {
  const broken =
    channel.client.getChannel().getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE;
  return channel.inFlight + (broken ? Number.MAX_SAFE_INTEGER / 2 : 0);
}
