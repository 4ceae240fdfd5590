import { afterEach, expect, test } from 'bun:test';
import { connectivityState, status } from '@grpc/grpc-js';
import { eventually } from '../../tests/support/eventually';
import type { AddressedInstance } from '../registry/instances';
import { type Channel, openChannels } from './channels';

const NONE: ReadonlySet<string> = new Set();
const toClose: (() => void)[] = [];
afterEach(() => {
  for (const close of toClose.splice(0)) close();
});

/** Channels that are never called: the tests decide how each call ends. */
function createScene(ports: readonly number[], tls?: () => boolean) {
  const clock = { ms: 0 };
  const instances: AddressedInstance[] = ports.map((port) => ({
    host: '127.0.0.1',
    grpc_port: port,
    get tls() {
      return tls?.() ?? false;
    },
    state: 'up',
  }));
  const registry = { instances: () => instances, onChange: () => undefined };
  const channels = openChannels('birds', registry, { internalTls: null, now: () => clock.ms });
  toClose.push(channels.close);
  const end = (channel: Channel | undefined, code: status) => {
    if (channel === undefined) throw new Error('no channel');
    channel.inFlight++;
    channels.release(channel, code, clock.ms);
  };
  const pick = (repeatable = true) => channels.pick(NONE, repeatable);
  /** The instances that receive calls now. */
  const picked = () => new Set(Array.from({ length: 20 }, () => pick()?.address));
  return { clock, channels, pick, picked, end };
}

test('an instance is ejected for 30 s after five consecutive failures, and returns when one probe succeeds', () => {
  const { clock, channels, pick, picked, end } = createScene([1, 2]);
  const others = new Set(['127.0.0.1:2']);
  for (const code of [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, 14, 14, 14])
    end(channels.pick(others, true), code);
  expect(picked()).toEqual(new Set(['127.0.0.1:2']));
  expect(channels.pick(others, true)?.address).toBe('127.0.0.1:2');
  clock.ms = 30_000;
  expect(pick(false)?.address).toBe('127.0.0.1:2');
  const probe = pick();
  expect(probe?.address).toBe('127.0.0.1:1');
  expect(picked()).toEqual(new Set(['127.0.0.1:2']));
  end(probe, status.CANCELLED);
  end(pick(), status.UNAVAILABLE);
  expect(picked()).toEqual(new Set(['127.0.0.1:2']));
  clock.ms = 90_000;
  end(pick(), status.NOT_FOUND);
  expect(picked()).toEqual(new Set(['127.0.0.1:1', '127.0.0.1:2']));
});

test('errors of the application do not eject an instance, and a single instance is never ejected', () => {
  const answering = createScene([1, 2]);
  for (let call = 0; call < 40; call++) answering.end(answering.pick(), status.INTERNAL);
  expect(answering.picked().size).toBe(2);
  const alone = createScene([1]);
  for (let call = 0; call < 40; call++) alone.end(alone.pick(), status.UNAVAILABLE);
  expect(alone.picked()).toEqual(new Set(['127.0.0.1:1']));
});

test('an ejected instance is called rather than one that cannot be reached', async () => {
  const { channels, picked, end } = createScene([closedPort(), 2]);
  const [dead = '', live = ''] = [...picked()].sort((left) => (left?.endsWith(':2') ? 1 : -1));
  const unreachable = channels.pick(new Set([live]), true);
  await eventually(() =>
    expect(unreachable?.client.getChannel().getConnectivityState(true)).toBe(
      connectivityState.TRANSIENT_FAILURE,
    ),
  );
  // Its own dependencies are away.
  for (let call = 0; call < 5; call++) end(channels.pick(new Set([dead]), true), status.UNAVAILABLE);
  expect(picked()).toEqual(new Set([live]));
});

test('an instance that begins to serve TLS is connected to anew, once its calls have ended', () => {
  let isTls = false;
  const { pick, channels } = createScene([1], () => isTls);
  const plain = pick();
  if (plain === undefined) throw new Error('no channel');
  plain.inFlight++;
  isTls = true;
  const secure = pick();
  expect([plain.isTls, secure?.isTls, pick() === secure]).toEqual([false, true, true]);
  expect(plain.client.getChannel().getConnectivityState(false)).not.toBe(connectivityState.SHUTDOWN);
  channels.release(plain, status.OK, 0);
  expect(plain.client.getChannel().getConnectivityState(false)).toBe(connectivityState.SHUTDOWN);
});

function closedPort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  listener.stop(true);
  return listener.port;
}
