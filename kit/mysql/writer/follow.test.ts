import { describe, expect, test } from 'bun:test';
import type { ServerAddress } from '../../config/hosts';
import { followWriter } from './follow';

const [a, b, c] = ['a', 'b', 'c'].map((host) => ({ host, port: 3306 })) as [
  ServerAddress,
  ServerAddress,
  ServerAddress,
];

/** Checks happen when the test asks for one, after the first. */
async function follow() {
  const away = new Set<ServerAddress>();
  const moves: string[] = [];
  let nowMs = 0;
  const writer = followWriter({
    servers: [a, b, c],
    probe: async (server) => {
      if (away.has(server)) throw new Error('away');
    },
    moved: ({ from, to, wasAway }) => moves.push(`${from.host}${to.host}${wasAway ? '!' : ''}`),
    clock: { nowMs: () => nowMs, sleep: () => new Promise(() => undefined) },
  });
  const checkAfter = async (ms: number) => {
    nowMs += ms;
    await writer.check();
    return writer.server.host;
  };
  await checkAfter(0);
  return { away, moves, checkAfter };
}

describe('the writer', () => {
  test('is the first server for as long as that takes writes', async () => {
    const { checkAfter, moves } = await follow();
    expect(await checkAfter(0)).toBe('a');
    expect(await checkAfter(60_000)).toBe('a');
    expect(moves).toEqual([]);
  });

  test('is the next healthy one when it stops, and stays where it is while none is', async () => {
    const { away, checkAfter, moves } = await follow();
    away.add(a).add(b);
    expect(await checkAfter(0)).toBe('c');
    away.add(c);
    expect(await checkAfter(0)).toBe('c');
    away.delete(b);
    expect(await checkAfter(0)).toBe('b');
    expect(moves).toEqual(['ac!', 'cb!']);
  });

  test('is an earlier server again once that has been healthy for ten seconds, without a break', async () => {
    const { away, checkAfter, moves } = await follow();
    away.add(a);
    expect(await checkAfter(0)).toBe('b');
    away.delete(a);
    expect(await checkAfter(2_000)).toBe('b');
    expect(await checkAfter(9_000)).toBe('b');
    away.add(a);
    expect(await checkAfter(2_000)).toBe('b');
    away.delete(a);
    expect(await checkAfter(2_000)).toBe('b');
    expect(await checkAfter(9_000)).toBe('b');
    expect(await checkAfter(1_000)).toBe('a');
    expect(moves).toEqual(['ab!', 'ba']);
  });
});
