import { inParallel } from '../../scripts/seed/in-parallel';
import { differenceOf } from '../support/generator/check';
import type { RequestKind } from '../support/generator/plan';

const CONCURRENCY = 16;

/**
 * Reads each home timeline twice and checks every item: the load checks a sample. The first read builds the feed.
 *
 * @throws naming the first that is wrong
 */
export async function verifyHomes(url: string, kinds: readonly RequestKind[]): Promise<void> {
  const homes = kinds.find(({ name }) => name === 'any-home')?.requests ?? [];
  await inParallel('home timelines', [...homes, ...homes], CONCURRENCY, async ({ path, token, expected }) => {
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    const body = await response.text();
    const difference = response.status === expected.status ? differenceOf(body, expected) : body;
    if (difference !== undefined) throw new Error(`GET ${path}: ${response.status}, ${difference}`);
  });
}
