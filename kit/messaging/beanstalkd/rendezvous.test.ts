import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { rankServers } from './rendezvous';

const servers = fc.uniqueArray(fc.domain(), { minLength: 2, maxLength: 8 });
const key = fc.uuid();

test('every process chooses the same order, however it lists the servers', () => {
  fc.assert(
    fc.property(servers, key, (names, id) => {
      const ranked = rankServers(names, id);
      expect(ranked.toSorted()).toEqual(names.toSorted());
      expect(rankServers(names.toReversed(), id)).toEqual(ranked);
    }),
  );
});

test('a server that leaves moves its own keys only, each to its next choice, and gets them back', () => {
  fc.assert(
    fc.property(servers, key, fc.nat(), (names, id, index) => {
      const gone = names[index % names.length];
      const ranked = rankServers(names, id);
      const remaining = names.filter((name) => name !== gone);
      expect(rankServers(remaining, id)).toEqual(ranked.filter((name) => name !== gone));
    }),
  );
});

test('the keys of each server, and those of a server that left, spread over all', () => {
  const names = ['jobs-1:11300', 'jobs-2:11300', 'jobs-3:11300'];
  const orders = Array.from({ length: 3_000 }, (_, id) => rankServers(names, `job ${id}`).join(' '));
  const counts = Map.groupBy(orders, (order) => order);
  expect(counts.size).toBe(6);
  // 500 each on average; six standard deviations are 122.
  for (const order of counts.values()) expect(Math.abs(order.length - 500)).toBeLessThan(122);
});

test('the order is that of earlier versions: a job that is put again goes to the same server', () => {
  const names = ['jobs-1:11300', 'jobs-2:11300', 'jobs-3:11300'];
  const firstOf = (id: number) => rankServers(names, `0195d3a0-0000-7000-8000-00000000000${id}`)[0];
  expect([1, 2, 3, 4, 5, 6].map(firstOf)).toEqual([
    ...['jobs-1:11300', 'jobs-1:11300', 'jobs-3:11300', 'jobs-2:11300', 'jobs-1:11300', 'jobs-1:11300'],
  ]);
});
