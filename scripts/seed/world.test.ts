import { expect, test } from 'bun:test';
import { createWorld, type SeedPost } from './world';

const world = createWorld(150);
const describePost = (post: SeedPost): string => `${post.author}: ${post.text}`;

test('the world is deterministic', () => {
  expect(createWorld(150)).toEqual(world);
});

test('a larger world starts with the smaller one, so that seeding more people only adds', () => {
  const larger = createWorld(200);
  expect(larger.people.slice(0, 150)).toEqual([...world.people]);
  expect(larger.follows.slice(0, world.follows.length)).toEqual([...world.follows]);
  expect(larger.posts.slice(0, world.posts.length)).toEqual([...world.posts]);
  expect(larger.likes.slice(0, world.likes.length)).toEqual([...world.likes]);
});

test('the requested number of people have unique and valid usernames', () => {
  const usernames = createWorld(1_000).people.map(({ username }) => username);
  expect(usernames).toHaveLength(1_000);
  expect(new Set(usernames).size).toBe(1_000);
  expect(usernames.filter((username) => !/^[a-z0-9_]{3,30}$/.test(username))).toEqual([]);
  expect(usernames[0]).toBe('alice');
});

test('follows have no self-loops or duplicates, and every person has a connection', () => {
  const pairs = world.follows.map(({ follower, followee }) => `${follower}>${followee}`);
  expect(new Set(pairs).size).toBe(pairs.length);
  expect(world.follows.filter(({ follower, followee }) => follower === followee)).toEqual([]);
  const connected = new Set(world.follows.flatMap(({ follower, followee }) => [follower, followee]));
  expect(connected.size).toBe(150);
});

test('follower counts are skewed, as in real graphs', () => {
  const followers = new Map(world.people.map(({ username }) => [username, 0]));
  for (const { followee } of world.follows) followers.set(followee, (followers.get(followee) ?? 0) + 1);
  const sorted = [...followers.values()].sort((left, right) => left - right);
  const median = sorted[75] ?? 0;
  expect(sorted.at(-1)).toBeGreaterThan(5 * median);
  expect(median).toBeGreaterThan(2);
});

test('posts have a valid length, are unique by author and text, and reply to earlier posts only', () => {
  expect(world.posts.filter(({ text }) => text.length > 500)).toEqual([]);
  expect(new Set(world.posts.map(describePost)).size).toBe(world.posts.length);
  const before = new Set<SeedPost>();
  for (const post of world.posts) {
    if (post.replyTo) expect(before.has(post.replyTo)).toBe(true);
    before.add(post);
  }
  expect(world.posts.some(({ replyTo }) => replyTo !== undefined)).toBe(true);
  expect(world.posts.some(({ text }) => text.includes('#'))).toBe(true);
});

test('likes and votes are unique, and votes refer to an option', () => {
  const likes = world.likes.map(({ person, post }) => `${person} likes ${describePost(post)}`);
  expect(new Set(likes).size).toBe(likes.length);
  const votes = world.votes.map(({ person, post }) => `${person} votes on ${describePost(post)}`);
  expect(votes.length).toBeGreaterThan(100);
  expect(new Set(votes).size).toBe(votes.length);
  for (const { post, option } of world.votes) expect(post.poll?.options).toContain(option);
});
