import { afterEach, expect, test } from 'bun:test';
import { createDeadlineClock } from '../downstream/deadlines';
import { DEFAULT_LIMITS } from '../model/limits';
import { viaLine } from '../model/via';
import { eventually, rawUpstream } from '../proxy/test-gateway';
import { openUpstreamConnection } from './connection';

const stops: (() => unknown)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

test('a connection tells whether anything of the current request has been sent', async () => {
  const upstream = rawUpstream(() => undefined);
  const clock = createDeadlineClock();
  const connection = openUpstreamConnection(
    { host: '127.0.0.1', port: upstream.port, tls: null, limits: DEFAULT_LIMITS, clock },
    { report: () => undefined, idle: () => true, removed: () => undefined },
  );
  stops.push(clock.stop, upstream.stop, connection.destroy);
  const user = {
    received: () => undefined,
    drained: () => undefined,
    ended: () => undefined,
    lost: () => undefined,
  };
  connection.use(user);
  connection.push(viaLine('1.1'));
  expect(connection.hasSent).toBe(false);
  connection.flush();
  await eventually(() => upstream.connections[0]?.received === viaLine('1.1'));
  expect(connection.hasSent).toBe(true);
  connection.release(60_000);
  connection.use(user);
  connection.push('second');
  expect(connection.hasSent).toBe(false);
});
