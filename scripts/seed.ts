import { ApiFailure, actAs, DEFAULT_GATEWAY_URL, openApi, type Person, register, textField } from './api';
import { waitForGateway } from './gateway-readiness';
import { inParallel } from './in-parallel';
import { type PublishedPost, postsOf, publish } from './publish';
import { createWorld, type SeedPost, type World } from './seed/world';

/** People on a new system, unless the command line says how many. */
const DEFAULT_PEOPLE = 150;
const MOST_PEOPLE = 100_000;
/** Enough to keep two cores busy: a registration hashes a password, which is slow on purpose. */
const CONCURRENCY = 8;
const READY_TIMEOUT_MS = 60_000;
const SERVICES = ['users', 'auth', 'timelines', 'likes', 'polls'];

/**
 * Fills the running system with people, follows, posts, likes and votes through its public API: `bun scripts/seed.ts 200`.
 * Doing it again adds nothing, and a larger number only what is missing.
 */
async function main([count = String(DEFAULT_PEOPLE)]: string[]): Promise<number> {
  const people = Number(count);
  if (!Number.isInteger(people) || people < 1 || people > MOST_PEOPLE) {
    console.error(`How many people? A whole number from 1 to ${MOST_PEOPLE}, for example: make seed n=200`);
    return 2;
  }
  const url = process.env.GATEWAY_URL ?? DEFAULT_GATEWAY_URL;
  const missing = await waitForGateway({
    url,
    services: SERVICES,
    timeoutMs: READY_TIMEOUT_MS,
    hopeless: () => false,
    signal: new AbortController().signal,
  });
  if (missing.length > 0) {
    console.error(`Not answering at ${url}: ${missing.join(', ')}. Start everything with \`make up\` first.`);
    return 1;
  }
  const started = performance.now();
  const added = await seed(url, createWorld(people));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${people} people are there, ${added.people} of them new, with ${added.posts} new posts, ${added.likes} new likes and ${added.votes} new votes (${seconds} s)`,
  );
  return 0;
}

async function seed(url: string, world: World) {
  const api = openApi(url);
  const persons = new Map(world.people.map((person) => [person.username, actAs(api, person)]));
  const person = (username: string) => mustGet(persons, username);

  const registered = await inParallel('people', world.people, CONCURRENCY, (each) => register(api, each));
  await inParallel('follows', world.follows, CONCURRENCY, ({ follower, followee }) =>
    person(follower).call('POST', `/users/follow/${followee}`),
  );
  const { published, added } = await publishAll(world.posts, person);
  const liked = await inParallel('likes', world.likes, CONCURRENCY, (like) =>
    person(like.person).call('POST', `/likes/${mustGet(published, like.post).id}`),
  );
  const voted = await inParallel('votes', world.votes, CONCURRENCY, (vote) =>
    voteOnce(person(vote.person), mustGet(published, vote.post), vote.option),
  );
  return {
    people: registered.filter((isNew) => isNew).length,
    posts: added,
    likes: liked.filter(({ status }) => status === 201).length,
    votes: voted.filter((isNew) => isNew).length,
  };
}

/** Posts what is not there yet: first what stands alone, then, level by level, what answers it. */
async function publishAll(posts: readonly SeedPost[], person: (username: string) => Person) {
  const published = new Map<SeedPost, PublishedPost>();
  let added = 0;
  const authors = [...Map.groupBy(posts, ({ author }) => author)];
  await inParallel('looking', authors, CONCURRENCY, async ([author, own]) => {
    const present = await postsOf(person(author));
    for (const post of own) {
      const found = present.get(post.text);
      if (found) published.set(post, found);
    }
  });
  for (;;) {
    const next = posts.filter(
      (post) => !published.has(post) && (post.replyTo === undefined || published.has(post.replyTo)),
    );
    if (next.length === 0) return { published, added };
    await inParallel('posts', next, CONCURRENCY, async (post) => {
      published.set(post, await publishOne(person(post.author), post, published));
      added++;
    });
  }
}

async function publishOne(author: Person, post: SeedPost, published: ReadonlyMap<SeedPost, PublishedPost>) {
  const poll = post.poll && (await author.call('POST', '/polls', { body: post.poll })).body;
  return publish(author, {
    text: post.text,
    ...(post.replyTo && { reply_to: mustGet(published, post.replyTo).id }),
    ...(poll !== undefined && { poll_id: textField(poll, 'id') }),
  });
}

/** @returns false when they have voted before */
async function voteOnce(voter: Person, { poll_id }: PublishedPost, option: string): Promise<boolean> {
  try {
    await voter.call('POST', `/polls/${poll_id}/vote`, { body: { option } });
    return true;
  } catch (failure) {
    if (failure instanceof ApiFailure && failure.code === 'poll.already-voted') return false;
    throw failure;
  }
}

function mustGet<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key);
  if (value === undefined) throw new Error(`not there: ${JSON.stringify(key)}`);
  return value;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (failure) {
  console.error(failure instanceof ApiFailure ? `Seeding stopped: ${failure.message}` : failure);
  process.exitCode = 1;
}
