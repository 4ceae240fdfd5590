import {
  type Api,
  ApiFailure,
  actAs,
  DEFAULT_GATEWAY_URL,
  openApi,
  type Person,
  register,
  textField,
} from './api';
import { waitForGateway } from './processes/gateway-readiness';
import { inParallel } from './seed/in-parallel';
import { type PublishedPost, postsOf, publish } from './seed/publish';
import { verifyAddresses } from './seed/verify';
import { createWorld, type SeedPost, type World } from './seed/world';

/** The default number of people. */
const DEFAULT_PEOPLE = 150;
const MAX_PEOPLE = 100_000;
/** Enough to use two cores: a registration hashes a password, which is slow by design. */
const CONCURRENCY = 8;
const READY_TIMEOUT_MS = 60_000;
const SERVICES = ['users', 'auth', 'timelines', 'likes', 'polls'];

/**
 * Seeds the running system with people, follows, posts, likes and votes through its public API: `bun scripts/seed.ts 200`.
 * Idempotent: a second run adds nothing, and a larger number adds only what is missing.
 */
async function main([count = String(DEFAULT_PEOPLE)]: string[]): Promise<number> {
  const people = Number(count);
  if (!Number.isInteger(people) || people < 1 || people > MAX_PEOPLE) {
    console.error(
      `Pass the number of people, an integer from 1 to ${MAX_PEOPLE}, for example: make seed n=200`,
    );
    return 2;
  }
  const url = process.env.GATEWAY_URL ?? DEFAULT_GATEWAY_URL;
  const missing = await waitForGateway({
    url,
    services: SERVICES,
    stallMs: READY_TIMEOUT_MS,
    isFailed: () => false,
    signal: new AbortController().signal,
  });
  if (missing.length > 0) {
    console.error(`Not available at ${url}: ${missing.join(', ')}. Start the system with \`make up\` first.`);
    return 1;
  }
  const started = performance.now();
  const added = await seed(url, createWorld(people));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `Seeded ${people} people (${added.people} new, ${added.posts} posts, ${added.likes} likes and ${added.votes} votes added) in ${seconds} s`,
  );
  return 0;
}

async function seed(url: string, world: World) {
  const api = openApi(url);
  const persons = new Map(world.people.map((person) => [person.username, actAs(api, person)]));
  const person = (username: string) => requireEntry(persons, username);

  const registered = await inParallel('people', world.people, CONCURRENCY, (each) => register(api, each));
  await verify(api, world);
  await inParallel('follows', world.follows, CONCURRENCY, ({ follower, followee }) =>
    person(follower).call('POST', `/users/follow/${followee}`),
  );
  const { published, added } = await publishAll(world.posts, person);
  const liked = await inParallel('likes', world.likes, CONCURRENCY, (like) =>
    person(like.person).call('POST', `/likes/${requireEntry(published, like.post).id}`),
  );
  const voted = await inParallel('votes', world.votes, CONCURRENCY, (vote) =>
    voteOnce(person(vote.person), requireEntry(published, vote.post), vote.option),
  );
  return {
    people: registered.filter((isNew) => isNew).length,
    posts: added,
    likes: liked.filter(({ status }) => status === 201).length,
    votes: voted.filter((isNew) => isNew).length,
  };
}

/** With the operator's password, which `make up` writes to `.env`; without it people are seeded unverified. */
async function verify(api: Api, world: World): Promise<void> {
  const { ADMIN_USERNAME = 'admin', ADMIN_PASSWORD } = process.env;
  if (ADMIN_PASSWORD === undefined)
    return console.log('ADMIN_PASSWORD is not set: the addresses of seeded people stay unverified.');
  const usernames = new Set(world.people.map(({ username }) => username));
  const operator = { username: ADMIN_USERNAME, password: ADMIN_PASSWORD, concurrency: CONCURRENCY };
  await verifyAddresses(api, usernames, operator);
}

/** Publishes the missing posts: first those that are no replies, then replies level by level. */
async function publishAll(posts: readonly SeedPost[], person: (username: string) => Person) {
  const published = new Map<SeedPost, PublishedPost>();
  let added = 0;
  const authors = [...Map.groupBy(posts, ({ author }) => author)];
  await inParallel('checking', authors, CONCURRENCY, async ([author, own]) => {
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
    ...(post.replyTo && { reply_to: requireEntry(published, post.replyTo).id }),
    ...(poll !== undefined && { poll_id: textField(poll, 'id') }),
  });
}

/** @returns false when the person has voted before */
async function voteOnce(voter: Person, { poll_id }: PublishedPost, option: string): Promise<boolean> {
  try {
    await voter.call('POST', `/polls/${poll_id}/vote`, { body: { option } });
    return true;
  } catch (failure) {
    if (failure instanceof ApiFailure && failure.code === 'poll.already-voted') return false;
    throw failure;
  }
}

function requireEntry<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key);
  if (value === undefined) throw new Error(`missing entry: ${JSON.stringify(key)}`);
  return value;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (failure) {
  console.error(failure instanceof ApiFailure ? `Seeding failed: ${failure.message}` : failure);
  process.exitCode = 1;
}
