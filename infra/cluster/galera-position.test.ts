import { expect, test } from 'bun:test';
import { mostAdvanced, parsePosition } from './galera-position';

const UUID = '2fbba84f-ec73-11f1-9604-9ee20138614e';
const logged = (position: string) =>
  `2026-11-30  3:40:37 0 [Note] WSREP: Recovered position: ${position}\n2026-11-30  3:40:37 0 [Note] Shutdown complete\n`;

test('the position of a node is read from its log', () => {
  expect(parsePosition(logged(`${UUID}:19`))).toEqual({ text: `${UUID}:19`, number: 19n });
  expect(parsePosition(logged(`${UUID}:9007199254740993`))?.number).toBe(9_007_199_254_740_993n);
});

test('a node without data, or with incomplete data, has no position', () => {
  expect(parsePosition(logged('00000000-0000-0000-0000-000000000000:-1'))).toBeUndefined();
  expect(parsePosition('InnoDB: Upgrade after a crash is not supported')).toBeUndefined();
});

test('after a full stop the most advanced node forms the cluster: it lacks nothing that was committed', () => {
  const nodes = [logged(`${UUID}:9`), logged(`${UUID}:10`), 'nothing', logged(`${UUID}:10`)].map(
    (log, number) => ({ number, position: parsePosition(log) }),
  );
  expect(mostAdvanced(nodes).number).toBe(1);
  expect(mostAdvanced(nodes.filter(({ position }) => position === undefined)).number).toBe(2);
});
