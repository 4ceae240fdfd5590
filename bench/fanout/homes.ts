import { type Api, field, textField } from '../../scripts/api';
import { inParallel } from '../../scripts/seed/in-parallel';
import type { Member } from '../support/members';

const CONCURRENCY = 16;
/** The largest page. */
const PAGE = 100;
const POLL_MS = 5;
const TIMEOUT_MS = 120_000;

export async function publish(api: Api, author: Member, text: string): Promise<string> {
  const { body } = await api.call('POST', '/posts', { token: author.token, body: { text } });
  return textField(body, 'id');
}

/** The newest ids of a home timeline. */
export async function readHome(api: Api, reader: Member, limit = PAGE): Promise<Set<string>> {
  const { body } = await api.call('GET', `/posts/home/${reader.username}?limit=${limit}`, {
    token: reader.token,
  });
  const items = field(body, 'items');
  if (!Array.isArray(items)) throw new Error('The home timeline is no list');
  return new Set(items.map((item) => textField(item, 'id')));
}

/** Polls the home timelines until each has all posts. @throws when one of them has not within two minutes */
export async function untilDelivered(
  api: Api,
  readers: readonly Member[],
  ids: readonly string[],
): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  // The last first: the others have it by then, and need only one read.
  for (const reader of readers.toReversed())
    while (!hasAll(await readHome(api, reader, Math.min(PAGE, ids.length)), ids)) {
      if (performance.now() > deadline) throw new Error(`${reader.username} has not all posts`);
      await Bun.sleep(POLL_MS);
    }
}

/** @throws naming the first reader who misses a post */
export async function verifyDelivered(
  api: Api,
  readers: readonly Member[],
  ids: readonly string[],
): Promise<void> {
  await inParallel('verifying', readers, CONCURRENCY, async (reader) => {
    if (!hasAll(await readHome(api, reader), ids))
      throw new Error(`A post was not delivered to ${reader.username}`);
  });
}

/** Reads each home timeline, so that its feed is built. */
export async function readAllHomes(api: Api, readers: readonly Member[]): Promise<void> {
  await inParallel('home timelines', readers, CONCURRENCY, (reader) => readHome(api, reader, 20));
}

const hasAll = (present: ReadonlySet<string>, ids: readonly string[]) => ids.every((id) => present.has(id));
