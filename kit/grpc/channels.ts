import { type ChannelOptions, Client, connectivityState, status } from '@grpc/grpc-js';
import { authorityOf } from '../core/address';
import type { InternalTls } from '../core/internal-tls';
import type { AddressedInstance, InstanceDirectory } from '../registry/instances';
import {
  createOutlierEjection,
  createOutlierState,
  mayProbe,
  type OutlierState,
} from '../resilience/outlier-ejection';
import { clientTls } from './tls';

/** A connection to one instance. */
export interface Channel {
  readonly address: string;
  readonly isTls: boolean;
  readonly client: Client;
  readonly outlier: OutlierState;
  inFlight: number;
}

/** The instance did not respond, rather than responding with an error. */
const FAILURES: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]);

/** Reconnects to a restarted instance within a second; the library's default back-off grows to two minutes. */
const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // A peer that vanished without closing is detected after 30 + 5 s, also during calls.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // By default a channel closes its connection after half an hour without calls; that of a gone instance is closed anyway.
  'grpc.client_idle_timeout_ms': 2_147_483_647,
  // Statistics for a debugging service that is not served.
  'grpc.enable_channelz': 0,
  // With the shared pool the socket of a closed channel lingers; here each channel owns its socket.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
};

/**
 * The connections to one service: one per registered instance, opened at its first call and closed once the instance is
 * deregistered and its last call has ended. Outliers are ejected as in the gateway.
 *
 * @param options.internalTls for instances that serve TLS
 * @param options.now monotonic milliseconds
 */
export function openChannels(
  service: string,
  registry: InstanceDirectory,
  { internalTls, now = () => performance.now() }: { internalTls: InternalTls | null; now?: () => number },
) {
  const credentialsFor = clientTls(internalTls, service);
  const ejection = createOutlierEjection();
  let members: readonly Channel[] = [];
  const channels = new Map<string, Channel>();
  const draining = new Set<Channel>();
  let turn = 0;

  function channelTo(instance: AddressedInstance): Channel {
    const address = addressOf(instance);
    const isTls = instance.tls === true;
    const present = channels.get(address);
    if (present?.isTls === isTls) return present;
    if (present !== undefined) drain(present);
    const [credentials, options] = credentialsFor(isTls);
    const client = new Client(address, credentials, { ...CHANNEL_OPTIONS, ...options });
    const channel: Channel = { address, isTls, client, outlier: createOutlierState(), inFlight: 0 };
    channels.set(address, channel);
    return channel;
  }

  function drain(channel: Channel) {
    channels.delete(channel.address);
    if (channel.inFlight === 0) channel.client.close();
    else draining.add(channel);
  }

  function recordOutcome(outlier: OutlierState, code: status, startedMs: number) {
    const wasProbe = outlier.ejectedUntilMs !== null && startedMs >= outlier.ejectedUntilMs;
    if (code === status.CANCELLED) {
      if (wasProbe) outlier.probing = false;
    } else if (FAILURES.has(code)) ejection.failed(outlier, wasProbe, now());
    else ejection.succeeded(outlier, wasProbe, now());
  }

  registry.onChange(() => {
    const listed = new Set(registry.instances(service).map(addressOf));
    for (const channel of channels.values()) if (!listed.has(channel.address)) drain(channel);
  });

  return {
    /**
     * Picks the connection for the next attempt: an untried instance first, then the fewest calls in flight, then round
     * robin; broken connections come last, after those to ejected instances. Undefined when no instance is available.
     *
     * @param repeatable whether the call can be retried elsewhere: only then may it probe an ejected instance early
     */
    pick(tried: ReadonlySet<string>, repeatable: boolean): Channel | undefined {
      const candidates = callable(registry.instances(service)).map(channelTo);
      if (candidates.length !== members.length || candidates.some((one, index) => one !== members[index])) {
        members = candidates;
        ejection.setMembers(members.map(({ outlier }) => outlier));
      }
      const isFresh = ({ address }: Channel) => !tried.has(address);
      const due = candidates.filter(isFresh).find(({ outlier }) => mayProbe(outlier, now(), repeatable));
      if (due !== undefined) {
        due.outlier.probing = true;
        return due;
      }
      const eligible = preferred(candidates);
      const fresh = eligible.filter(isFresh);
      const start = turn++;
      const rotated = (fresh.length > 0 ? fresh : eligible).map(
        (_, index, all) => all[(start + index) % all.length],
      );
      return rotated.reduce(
        (best, channel) =>
          best === undefined || (channel && loadOf(channel) < loadOf(best)) ? channel : best,
        undefined,
      );
    },
    /** @param startedMs when the attempt started, by the clock `now` */
    release(channel: Channel, code: status, startedMs: number): void {
      channel.inFlight--;
      recordOutcome(channel.outlier, code, startedMs);
      if (channel.inFlight === 0 && draining.delete(channel)) channel.client.close();
    },
    close(): void {
      for (const channel of [...channels.values(), ...draining]) channel.client.close();
      channels.clear();
      draining.clear();
    },
  };
}

/** Instances that are up; if there are none, the unhealthy ones, which may still respond. */
function callable(instances: readonly AddressedInstance[]): readonly AddressedInstance[] {
  const reachable = instances.filter((instance) => instance.grpc_port !== undefined);
  const up = reachable.filter((instance) => instance.state === 'up');
  return up.length > 0 ? up : reachable.filter((instance) => instance.state === 'unhealthy');
}

const addressOf = ({ host, grpc_port: port = 0 }: AddressedInstance) => authorityOf(host, port);

/** Those that are not ejected, and all of them where these have no connection: an ejected instance may respond. */
function preferred(candidates: readonly Channel[]): readonly Channel[] {
  const eligible = candidates.filter(({ outlier }) => outlier.ejectedUntilMs === null);
  return eligible.every(isBroken) ? candidates : eligible;
}

const isBroken = ({ client }: Channel) =>
  client.getChannel().getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE;

/** Calls in flight; a broken connection comes after all others. */
const loadOf = (channel: Channel): number =>
  channel.inFlight + (isBroken(channel) ? Number.MAX_SAFE_INTEGER / 2 : 0);
