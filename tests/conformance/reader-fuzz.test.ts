import { expect, test } from 'bun:test';
import { acceptedOf, mutant, randomFrom, written } from './support/fuzz';

/**
 * Fuzzes the request reader with mutants of all requests of the suites. `FUZZ_RUNS` sets their number, `FUZZ_SEED` makes
 * them reproducible. To compare with another parser: `bun tests/conformance/reader-fuzz.ts`.
 */

const RUNS = Number(process.env.FUZZ_RUNS ?? 20_000);
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`${RUNS} mutants are accepted or rejected within bounds, and parse the same when written again (seed ${seed})`, () => {
  const random = randomFrom(seed);
  let accepted = 0;
  for (let run = 0; run < RUNS; run++) {
    const text = mutant(random);
    for (const one of acceptedOf(text, random)) {
      accepted++;
      const [again, ...more] = acceptedOf(written(one), random);
      expect({ text, more }).toEqual({ text, more: [] });
      expect({ text, ...summaryOf(again) }).toEqual({ text, ...summaryOf(one) });
    }
  }
  expect(accepted).toBeGreaterThan(RUNS / 20);
}, 60_000);

const summaryOf = (accepted: ReturnType<typeof acceptedOf>[number] | undefined) => ({
  method: accepted?.request.head.method,
  target: accepted?.request.head.target,
  framing: accepted?.request.framing.kind,
  body: accepted?.body,
});
