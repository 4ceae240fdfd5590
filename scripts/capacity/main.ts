import results from '../../bench/results.json';
import type { Results } from '../../bench/support/result-types';

/**
 * What a number of people needs, computed from what was measured: `bun scripts/capacity/main.ts [people…]`. The assumptions and
 * the result for 10^6, 10^7 and 10^8 people are in docs/SCALING.md.
 */

/** What people do, as social networks report it; every figure may be changed here. */
export const ASSUMPTIONS = {
  /** Share of the people who come on one day. */
  dailyShare: 0.2,
  /** Of each of those, on that day. */
  readsPerDay: 60,
  postsPerDay: 1,
  likesPerDay: 5,
  /** The busiest hour has this much more than the mean of the day. */
  peak: 3,
  follows: 100,
  /** Posts and likes are kept for ever: sizes are after this time. */
  days: 365,
  notificationsPerDay: 5,
  /** CPU of timelines for each follower with a feed who gets a post, in milliseconds (docs/decisions/0037). */
  deliveryMs: 0.018,
  /** How long sent messages stay in an outbox (kit/messaging/outbox), and notifications are kept. */
  outboxDays: 1,
  notificationDays: 90,
  /** Share of a core that is used at the peak: the rest is for failures and what was not foreseen. */
  utilization: 0.5,
  /** Bytes of a person's files; and of what InnoDB needs beyond full pages. */
  fileBytesPerPerson: 5_000_000,
  fragmentation: 1.4,
} as const;

const GIB = 2 ** 30;
const SECONDS_PER_DAY = 86_400;

/** CPU milliseconds, and bytes, by what they are of. */
export interface Constants {
  /** CPU time of one read and of one post with all that follows, by process. */
  readonly readMs: Readonly<Record<string, number>>;
  readonly postMs: Readonly<Record<string, number>>;
  readonly diskBytes: Readonly<Record<string, number>>;
  readonly redisBytes: Readonly<Record<string, number>>;
}

export interface Capacity {
  readonly people: number;
  readonly readsPerSecond: number;
  readonly postsPerSecond: number;
  /** Cores at the peak, by process, with the share that is left free. */
  readonly cores: Readonly<Record<string, number>>;
  readonly redisGiB: { readonly feeds: number; readonly likes: number };
  readonly databaseGiB: Readonly<Record<string, number>>;
  readonly filesGiB: number;
}

/** Reads the constants from the recorded benchmarks. @throws when one has not been recorded */
export function constantsFrom(recorded: Results): Constants {
  const rowsOf = (benchmark: string) => Object.values(recorded[benchmark]?.runs ?? {}).at(-1)?.rows ?? [];
  const row = (benchmark: string, name: string) => {
    const found = rowsOf(benchmark).find((one) => one.name === name);
    if (found === undefined) throw new Error(`Record first: RECORD=1 make bench b=${benchmark} ("${name}")`);
    return found;
  };
  const figures = (column: string) =>
    Object.fromEntries(
      rowsOf('storage').flatMap(({ name, figures }) =>
        typeof figures[column] === 'number' ? [[name, figures[column]]] : [],
      ),
    );
  const read = row('social', 'home, 8 connections').processors ?? {};
  // Of ten requests of the mix one is a post, and nine are reads.
  const mix = row('social', 'mix, closed loop, 8 connections').processors ?? {};
  return {
    readMs: read,
    postMs: Object.fromEntries(
      Object.entries(mix).map(([name, ms]) => [name, Math.max(0, 10 * ms - 9 * (read[name] ?? 0))]),
    ),
    diskBytes: figures('disk bytes'),
    redisBytes: figures('Redis bytes'),
  };
}

/** What a number of people needs, by the assumptions. */
export function capacityFor(people: number, constants: Constants): Capacity {
  const { dailyShare, peak, utilization, days, fragmentation } = ASSUMPTIONS;
  const { diskBytes, redisBytes, readMs, postMs } = constants;
  const active = people * dailyShare;
  const perSecond = (perDay: number) => (active * perDay * peak) / SECONDS_PER_DAY;
  const [reads, posts] = [perSecond(ASSUMPTIONS.readsPerDay), perSecond(ASSUMPTIONS.postsPerDay)];
  const disk = (name: string, count: number) => ((diskBytes[name] ?? 0) * count * fragmentation) / GIB;
  const names = [...new Set([...Object.keys(readMs), ...Object.keys(postMs)])];
  // A feed is kept for a week after its last reading: that of about twice as many as come on a day.
  const feeds = active * 2;
  const deliveries = posts * ASSUMPTIONS.follows * (feeds / people) * ASSUMPTIONS.deliveryMs;
  return {
    people,
    readsPerSecond: reads,
    postsPerSecond: posts,
    cores: Object.fromEntries(
      names.map((name) => [
        name,
        (reads * (readMs[name] ?? 0) +
          posts * (postMs[name] ?? 0) +
          (name === 'timelines' ? deliveries : 0)) /
          1_000 /
          utilization,
      ]),
    ),
    redisGiB: {
      feeds: ((redisBytes['a feed of 800 posts'] ?? 0) * feeds) / GIB,
      likes: ((redisBytes['a like'] ?? 0) * active * ASSUMPTIONS.likesPerDay * days) / GIB,
    },
    databaseGiB: {
      people: disk('a person', people) + disk('a session', active * 2),
      follows: disk('a follow', people * ASSUMPTIONS.follows),
      posts: disk('a post', active * ASSUMPTIONS.postsPerDay * days),
      outboxes: disk(
        'a sent message in an outbox',
        active * ASSUMPTIONS.postsPerDay * 2 * ASSUMPTIONS.outboxDays,
      ),
      notifications: disk(
        'a notification',
        active * ASSUMPTIONS.notificationsPerDay * ASSUMPTIONS.notificationDays,
      ),
    },
    filesGiB: (people * ASSUMPTIONS.fileBytesPerPerson) / GIB,
  };
}

/** A table of Markdown with a column for each number of people. */
export function capacityTable(capacities: readonly Capacity[]): string {
  const line = (name: string, value: (capacity: Capacity) => number) =>
    `| ${[name, ...capacities.map((one) => rounded(value(one)))].join(' | ')} |`;
  const processes = Object.entries(capacities[0]?.cores ?? {})
    .toSorted(([, one], [, other]) => other - one)
    .map(([name]) => name);
  const databases = Object.keys(capacities[0]?.databaseGiB ?? {});
  return [
    `| | ${capacities.map(({ people }) => `${people.toLocaleString('en')} people`).join(' | ')} |`,
    `| --- |${' ---: |'.repeat(capacities.length)}`,
    line('reads per second, at the peak', ({ readsPerSecond }) => readsPerSecond),
    line('posts per second, at the peak', ({ postsPerSecond }) => postsPerSecond),
    ...processes.map((name) => line(`cores: ${name}`, ({ cores }) => cores[name] ?? 0)),
    line('cores in total', ({ cores }) => Object.values(cores).reduce((sum, one) => sum + one, 0)),
    line('Redis, GiB: feeds', ({ redisGiB }) => redisGiB.feeds),
    line('Redis, GiB: likes of a year', ({ redisGiB }) => redisGiB.likes),
    ...databases.map((name) => line(`MySQL, GiB: ${name}`, ({ databaseGiB }) => databaseGiB[name] ?? 0)),
    line('files, GiB', ({ filesGiB }) => filesGiB),
  ].join('\n');
}

const rounded = (value: number): string =>
  value >= 10 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(2)));

if (import.meta.main) {
  const people = process.argv.slice(2).map(Number);
  const constants = constantsFrom(results as Results);
  console.log(
    capacityTable((people.length > 0 ? people : [1e6, 1e7, 1e8]).map((one) => capacityFor(one, constants))),
  );
}
