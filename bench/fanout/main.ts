import { openApi } from '../../scripts/api';
import { inParallel } from '../../scripts/seed/in-parallel';
import { measure, rowOf, show } from '../support/measurement';
import { readOptions } from '../support/options';
import { readProcessorTimes, usedBetween } from '../support/processor-time';
import { withRedis } from '../support/redis';
import type { Row } from '../support/result-types';
import { report, rounded } from '../support/results';
import { type SocialSystem, withSocialSystem } from '../support/social-system';
import { publish, readAllHomes, untilDelivered, verifyDelivered } from './homes';
import { fanoutNetwork } from './network';

/**
 * Delivery of posts into home timelines.
 *
 * 1. `burst`: posts of 20 authors with the same followers, all of whom have a feed: deliveries per second, from the first
 *    post to the last delivery.
 * 2. `last`: how long after its author has sent it a post is on the home timelines of all followers, of authors with few
 *    and with many.
 * 3. `collector`: the home timeline of somebody who follows everybody.
 *
 * PEOPLE, FOLLOWERS and BURST_FOLLOWERS set the sizes.
 */
const { PEOPLE = '100000', FOLLOWERS = '39,1000,50000', BURST_FOLLOWERS = '5000' } = process.env;
const options = readOptions(['burst', 'last', 'collector'], { seconds: 5 });
const burstFollowers = Number(BURST_FOLLOWERS);
const network = fanoutNetwork({
  people: Number(PEOPLE),
  followers: FOLLOWERS.split(',').map(Number),
  burstFollowers,
});
const POSTS_OF_EACH = 2;
const ROUNDS = 5;
/** Followers whose home timelines are polled: the first, the last, and others in between. */
const POLLED = 20;
/** Feeds are built in the background, a few at a time: not with each first read. */
const MAX_READS = 4;

const rows: Row[] = [];
await withSocialSystem(network, { kept: options.kept, postsEach: 1 }, async (running) => {
  if (options.has('burst')) rows.push(await measureBurst(running));
  if (options.has('last'))
    for (const [followers, author] of network.authors)
      rows.push(await measureLast(running, { followers, author }));
  if (options.has('collector')) rows.push(await measureCollector(running));
});
report({ name: 'fanout', title: 'Delivery of posts into home timelines' }, rows, options.record);

async function measureBurst({ system, signIn }: SocialSystem): Promise<Row> {
  const api = openApi(system.url);
  const readers = await signIn(Array.from({ length: burstFollowers }, (_, person) => person));
  const authors = await signIn(network.burst);
  const feeds = await buildFeeds();
  const posts = authors.flatMap((author) => Array.from({ length: POSTS_OF_EACH }, () => author));
  const before = readProcessorTimes(system.processes());
  const startedMs = performance.now();
  const ids = await inParallel('posts', posts, 4, (author) => publish(api, author, 'To all of you'));
  await untilDelivered(api, sampleOf(readers), ids);
  const seconds = (performance.now() - startedMs) / 1_000;
  const { ofProcesses } = usedBetween(before, readProcessorTimes(system.processes()));
  const usedMs = [...ofProcesses.values()].reduce((sum, ms) => sum + ms, 0);
  await verifyDelivered(api, readers, ids);
  const deliveries = ids.length * readers.length;
  return {
    name: `${ids.length} posts to ${readers.length.toLocaleString('en')} followers with ${feeds.toLocaleString('en')} feeds`,
    figures: {
      'deliveries/s': Math.round(deliveries / seconds),
      'CPU µs/delivery': rounded((usedMs * 1_000) / deliveries),
    },
  };

  /** Until no more keys appear in Redis. */
  async function buildFeeds(): Promise<number> {
    return withRedis(system.stack, async (redis) => {
      const empty = await redis.dbSize();
      let built = -1;
      for (let read = 0; read < MAX_READS && (await redis.dbSize()) - empty > built; read++) {
        built = (await redis.dbSize()) - empty;
        await readAllHomes(api, readers);
      }
      return (await redis.dbSize()) - empty;
    });
  }
}

async function measureLast(
  { system, signIn }: SocialSystem,
  { followers, author }: { followers: number; author: number },
): Promise<Row> {
  const api = openApi(system.url);
  const polled = sampleOf(Array.from({ length: followers }, (_, person) => person));
  const readers = await signIn(polled);
  const [poster] = await signIn([author]);
  if (poster === undefined) throw new Error('The author is missing');
  await readAllHomes(api, readers);
  const durations: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    const id = await publish(api, poster, `To ${followers} of you`);
    await untilDelivered(api, readers, [id]);
    durations.push(performance.now() - startedMs);
  }
  const sorted = durations.toSorted((one, other) => one - other);
  return {
    name: `until all of ${followers.toLocaleString('en')} followers have a post`,
    figures: {
      'median ms': Math.round(sorted[Math.floor(ROUNDS / 2)] ?? 0),
      'slowest ms': Math.round(sorted.at(-1) ?? 0),
    },
  };
}

async function measureCollector({ system, generator, signIn }: SocialSystem): Promise<Row> {
  const [collector] = await signIn([network.collector]);
  if (collector === undefined) throw new Error('The collector is missing');
  const expected = { status: 200, items: { atLeast: 20 } };
  const { username, token } = collector;
  const home = { method: 'GET', path: `/posts/home/${username}`, token, expected };
  await generator.prepare({ url: system.url, kinds: [{ name: 'home', requests: [home] }] });
  const measured = await measure(system, generator, {
    mix: { home: 1 },
    warmUpSeconds: 2,
    seconds: options.seconds,
    shape: { kind: 'closed', connections: 1 },
  });
  const name = `home timeline of somebody who follows ${collector.followees.length.toLocaleString('en')}`;
  show(name, measured);
  return rowOf(name, measured);
}

function sampleOf<Item>(items: readonly Item[]): Item[] {
  const step = Math.max(1, (items.length - 1) / (POLLED - 1));
  const indexes = new Set(Array.from({ length: POLLED }, (_, index) => Math.round(index * step)));
  return [...indexes].flatMap((index) => items.slice(index, index + 1));
}
