import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { type Count, counted, inARow, MAILS_PER_ACCOUNT, PER_ACCOUNT, perNetwork, waitMs } from './rules';

const DAY_MS = 86_400_000;
const IN_A_ROW = inARow('test');
const RULES = [IN_A_ROW, PER_ACCOUNT, MAILS_PER_ACCOUNT, perNetwork(50)];

test('failures in a row delay the next attempt twice as long each, for at most 15 minutes', () => {
  const seconds = [1, 4, 5, 6, 7, 10, 24].map((amount) => IN_A_ROW.holdMs(amount) / 1_000);
  expect(seconds).toEqual([0, 0, 1, 2, 4, 32, 900]);
});

/** Any history: pauses between what is counted, whether or not it was admitted. */
const history = fc.array(fc.integer({ min: 0, max: DAY_MS }), { maxLength: 300 });

test('whatever was counted, an attempt is admitted after the stated wait, which is at most 25 minutes', () => {
  fc.assert(
    fc.property(history, fc.constantFrom(...RULES), (pauses, rule) => {
      let count: Count | undefined;
      let nowMs = 0;
      for (const pause of pauses) {
        nowMs += pause;
        count = counted(count, rule, nowMs);
        const wait = waitMs(count, rule, nowMs);
        expect(wait).toBeLessThanOrEqual(25 * 60_000);
        expect(waitMs(count, rule, nowMs + wait)).toBeLessThan(0.001);
      }
    }),
  );
});

test('somebody who tries at every admitted moment of a day has few guesses', () => {
  const guessesOfADay = (rule: (typeof RULES)[number]) => {
    let count: Count | undefined;
    let guesses = 0;
    for (let nowMs = 0; nowMs < DAY_MS; nowMs += Math.max(1, waitMs(count, rule, nowMs))) {
      if (waitMs(count, rule, nowMs) > 0) continue;
      count = counted(count, rule, nowMs);
      guesses++;
    }
    return guesses;
  };
  // 96 quarters of an hour, and what was free.
  expect(guessesOfADay(IN_A_ROW)).toBeWithin(90, 112);
  expect(guessesOfADay(PER_ACCOUNT)).toBeWithin(380, 392);
  // One network alone cannot use up what all strangers share.
  expect(guessesOfADay(IN_A_ROW)).toBeLessThan(guessesOfADay(PER_ACCOUNT) - 100);
});

test('a mail that is not sent is not missed: the last one is younger than its link is good for', () => {
  fc.assert(
    fc.property(history, (pauses) => {
      let count: Count | undefined;
      let nowMs = 0;
      let lastMs = Number.NEGATIVE_INFINITY;
      for (const pause of pauses) {
        nowMs += pause / 100;
        if (waitMs(count, MAILS_PER_ACCOUNT, nowMs) > 0) expect(nowMs - lastMs).toBeLessThan(30 * 60_000);
        else {
          count = counted(count, MAILS_PER_ACCOUNT, nowMs);
          lastMs = nowMs;
        }
      }
    }),
  );
});
