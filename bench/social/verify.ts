import { openApi } from '../../scripts/api';
import { inParallel } from '../../scripts/seed/in-parallel';
import { differenceOfValue } from '../support/generator/check';
import type { RequestKind } from '../support/generator/plan';

const CONCURRENCY = 16;

/**
 * Reads each home timeline twice and checks every item: the load checks a sample. The first read builds the feed.
 *
 * @throws naming the first that is wrong
 */
export async function verifyHomes(url: string, kinds: readonly RequestKind[]): Promise<void> {
  const homes = kinds.find(({ name }) => name === 'any-home')?.requests ?? [];
  const api = openApi(url);
  await inParallel('home timelines', [...homes, ...homes], CONCURRENCY, async ({ path, token, expected }) => {
    const { body } = await api.call('GET', path, token === undefined ? {} : { token });
    const difference = differenceOfValue(body, expected);
    if (difference !== undefined) throw new Error(`GET ${path}: ${difference}`);
  });
}
