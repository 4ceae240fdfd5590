import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { createServiceTime } from './service-time';

test('the number that is started in time follows the measured service time', () => {
  const service = createServiceTime({ concurrent: 2, meanMs: 20 });
  expect(service.startedWithin(1_000)).toBe(100);
  for (let task = 0; task < 60; task++) service.record(80);
  expect(service.startedWithin(1_000)).toBeWithin(25, 27);
  expect(service.drainMs(10)).toBeWithin(395, 405);
});

test('one pause of the machine changes little', () => {
  const service = createServiceTime({ concurrent: 1, meanMs: 20 });
  for (let task = 0; task < 20; task++) service.record(20);
  service.record(60_000);
  expect(service.meanMs).toBeLessThan(30);
});

test('those who are turned away together come back spread over the time that it takes to serve them', () => {
  let calls = 0;
  const random = () => (calls++ * 0.61803) % 1;
  const service = createServiceTime({ concurrent: 1, meanMs: 100, random });
  const seconds = Array.from({ length: 200 }, () => service.retryAfterSeconds(10, 0));
  // 200 tasks of 100 ms take 20 s, after the one second of those that wait.
  expect(Math.max(...seconds)).toBeWithin(18, 23);
  for (let from = 1; from < 20; from += 5)
    expect(seconds.filter((one) => one >= from && one < from + 5).length).toBeGreaterThan(5);
  // Once they have had the time to be served, nothing is left of it.
  expect(service.retryAfterSeconds(0, 60_000)).toBe(1);
});

test('a wait is always between a second and half a minute, whatever has been measured', () => {
  const sample = fc.double({ min: -1e9, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 50 }), fc.nat(100_000), (samples, waiting) => {
      const service = createServiceTime({ concurrent: 3, meanMs: 10 });
      for (const ms of samples) service.record(ms);
      expect(service.meanMs).toBeGreaterThan(0);
      expect(service.retryAfterSeconds(waiting, 5)).toBeWithin(1, 31);
      expect(service.startedWithin(1_000)).toBeGreaterThanOrEqual(0);
    }),
  );
});
