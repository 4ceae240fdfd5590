import { DEMO_PERSON, demoPassword } from '../demo/people';
import { createRandom, type Random } from './random';
import { FIRST_NAMES, LAST_NAMES, MENTIONS, REPLIES, TOPICS, type Topic } from './texts';

export interface SeedPerson {
  readonly username: string;
  readonly password: string;
  readonly display_name: string;
}

export interface SeedPost {
  readonly author: string;
  readonly text: string;
  /** The parent post. */
  readonly replyTo?: SeedPost;
  readonly poll?: { readonly question: string; readonly options: readonly string[] };
}

/** All seeded data. People are identified by their usernames. */
export interface World {
  readonly people: readonly SeedPerson[];
  readonly follows: readonly { readonly follower: string; readonly followee: string }[];
  /** A reply comes after its parent. No author writes the same text twice. */
  readonly posts: readonly SeedPost[];
  readonly likes: readonly { readonly person: string; readonly post: SeedPost }[];
  readonly votes: readonly { readonly person: string; readonly post: SeedPost; readonly option: string }[];
}

interface Member extends SeedPerson {
  readonly topics: readonly Topic[];
  readonly followees: Set<string>;
  readonly posts: SeedPost[];
}

const SEED = 1905;
const FOLLOWS_ON_ARRIVAL = 8;
const FOLLOW_BACK_PROBABILITY = 0.45;
const SAME_TOPIC_PROBABILITY = 0.7;
const POLL_PROBABILITY = 0.08;
const VOTE_PROBABILITY = 0.3;

/**
 * Generates people one after the other, so that a world of 200 starts with the world of 150. Each follows people with
 * shared interests and popular people (preferential attachment, Barabási and Albert 1999), some of whom follow back,
 * and publishes posts and replies, likes and votes.
 *
 * @param count the number of people
 */
export function createWorld(count: number): World {
  const members = new Map<string, Member>();
  const world = { people: [], follows: [], posts: [], likes: [], votes: [] } as Draft;
  for (let arrival = 0; arrival < count; arrival++) {
    // Seeded per arrival: earlier people do not depend on the total number.
    const random = createRandom(SEED + arrival * 7919);
    const member = arrive(random, arrival, members);
    follow(random, member, members, world);
    write(random, member, members, world);
    react(random, member, members, world);
    members.set(member.username, member);
    const { username, password, display_name } = member;
    world.people.push({ username, password, display_name });
  }
  return world;
}

type Draft = { -readonly [Key in keyof World]: World[Key][number][] };

function arrive(random: Random, arrival: number, members: ReadonlyMap<string, Member>): Member {
  const { username, display_name } =
    arrival === 0 ? { username: DEMO_PERSON.username, display_name: 'Alice Rook' } : newName(random, members);
  const topics = arrival === 0 ? TOPICS.slice(0, 2) : random.some(TOPICS, random.chance(0.5) ? 2 : 1);
  const password = demoPassword(username);
  return { username, display_name, password, topics, followees: new Set(), posts: [] };
}

function newName(random: Random, members: ReadonlyMap<string, Member>) {
  const first = random.pick(FIRST_NAMES);
  const last = random.pick(LAST_NAMES);
  const plain = random.chance(0.5) ? `${first}_${last}` : `${first}${last[0] ?? ''}`;
  const base = plain.toLowerCase();
  let username = base;
  for (let number = 2; members.has(username); number++) username = `${base}${number}`;
  return { username, display_name: `${first} ${last}` };
}

function follow(random: Random, member: Member, members: ReadonlyMap<string, Member>, world: Draft): void {
  const others = [...members.values()];
  const alike = others.filter((other) => shareTopic(member, other));
  for (let choice = 0; choice < FOLLOWS_ON_ARRIVAL && others.length > 0; choice++) {
    const circle = alike.length > 0 && random.chance(SAME_TOPIC_PROBABILITY) ? alike : others;
    // The followee of a random follow: people are chosen in proportion to their followers.
    const popular = world.follows.length > 0 && random.chance(0.5) ? random.pick(world.follows).followee : '';
    const followee = members.get(popular) ?? random.pick(circle);
    if (followee === member || member.followees.has(followee.username)) continue;
    member.followees.add(followee.username);
    world.follows.push({ follower: member.username, followee: followee.username });
    if (!random.chance(FOLLOW_BACK_PROBABILITY)) continue;
    followee.followees.add(member.username);
    world.follows.push({ follower: followee.username, followee: member.username });
  }
}

function write(random: Random, member: Member, members: ReadonlyMap<string, Member>, world: Draft): void {
  const publish = (post: SeedPost) => {
    if (member.posts.some(({ text }) => text === post.text)) return;
    member.posts.push(post);
    world.posts.push(post);
  };
  const author = member.username;
  for (let count = 2 + random.below(4); count > 0; count--) {
    const topic = random.pick(member.topics);
    publish({ author, text: textOf(random, topic, member) });
  }
  for (const other of random.some(followedBy(member, members), random.below(4))) {
    if (other.posts.length === 0) continue;
    publish({
      author,
      text: `@${other.username} ${random.pick(REPLIES)}`,
      replyTo: random.pick(other.posts),
    });
  }
  if (random.chance(POLL_PROBABILITY)) {
    const { tag, poll } = random.pick(member.topics);
    publish({ author, text: `${poll.question} #${tag}`, poll });
  }
}

function textOf(random: Random, topic: Topic, member: Member): string {
  const sentence = random.pick(topic.sentences);
  const tagged = random.chance(0.6) ? `${sentence} #${topic.tag}` : sentence;
  const friends = [...member.followees];
  return friends.length > 0 && random.chance(0.15)
    ? `${tagged} @${random.pick(friends)} ${random.pick(MENTIONS)}`
    : tagged;
}

function react(random: Random, member: Member, members: ReadonlyMap<string, Member>, world: Draft): void {
  const seen = followedBy(member, members).flatMap(({ posts }) => posts);
  for (const post of random.some(seen, random.below(8))) world.likes.push({ person: member.username, post });
  for (const post of member.posts) {
    const readers = [...members.values()].filter(({ followees }) => followees.has(member.username));
    for (const { username } of random.some(readers, random.below(4)))
      world.likes.push({ person: username, post });
  }
  for (const post of world.posts) {
    if (post.poll === undefined || post.author === member.username || !random.chance(VOTE_PROBABILITY))
      continue;
    world.votes.push({ person: member.username, post, option: random.pick(post.poll.options) });
  }
}

const followedBy = (member: Member, members: ReadonlyMap<string, Member>): Member[] =>
  [...member.followees].flatMap((username) => members.get(username) ?? []);

const shareTopic = (one: Member, other: Member) => one.topics.some((topic) => other.topics.includes(topic));
