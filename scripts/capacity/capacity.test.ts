import { expect, test } from 'bun:test';
import results from '../../bench/results.json';
import type { Results } from '../../bench/support/result-types';
import { capacityFor, constantsFrom } from './main';

const constants = constantsFrom(results as Results);

test('every constant has been measured', () => {
  const { readMs, postMs, diskBytes, redisBytes } = constants;
  for (const measured of [readMs.timelines, readMs.gateway, postMs.timelines, postMs.mariadb])
    expect(measured).toBeGreaterThan(0);
  expect(Object.keys(diskBytes).sort()).toEqual([
    ...['a follow', 'a notification', 'a person', 'a post', 'a sent message in an outbox', 'a session'],
  ]);
  expect(Object.keys(redisBytes).sort()).toEqual(['a feed of 800 posts', 'a like']);
});

test('ten times as many people need ten times as much', () => {
  const [one, ten] = [capacityFor(1e6, constants), capacityFor(1e7, constants)];
  expect(ten.readsPerSecond).toBeCloseTo(10 * one.readsPerSecond);
  expect(ten.cores.timelines).toBeCloseTo(10 * (one.cores.timelines ?? 0));
  expect(ten.redisGiB.likes).toBeCloseTo(10 * one.redisGiB.likes);
  expect(ten.databaseGiB.posts).toBeCloseTo(10 * (one.databaseGiB.posts ?? 0));
});
