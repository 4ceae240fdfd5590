import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Api, actAs, DEFAULT_GATEWAY_URL, field, openApi, type Person, readAll, register } from '../api';
import { inParallel } from '../seed/in-parallel';
import { postsOf, publish } from '../seed/publish';
import { credentialsOf, type Graph, parseEdges, usernameOf } from './edges';

const CONCURRENCY = 16;
const USAGE =
  'bun scripts/graph/load.ts <edges file> [--gateway <URL>] [--posts <number per person>] [--verify (compare only)]';

interface Member extends Person {
  readonly name: string;
  readonly friends: readonly string[];
}

/**
 * Loads a social graph into the running system through its public API: each edge becomes two follows, each person
 * publishes some posts. Idempotent: an interrupted run can be started again.
 */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      gateway: { type: 'string', default: process.env.GATEWAY_URL ?? DEFAULT_GATEWAY_URL },
      posts: { type: 'string', default: '3' },
      verify: { type: 'boolean', default: false },
    },
  });
  const [file] = positionals;
  const postsEach = Number(values.posts);
  if (file === undefined || !Number.isInteger(postsEach) || postsEach < 0) {
    console.error(`Usage: ${USAGE}`);
    return 2;
  }
  const graph = parseEdges(readFileSync(file, 'utf8'));
  const api = openApi(values.gateway);
  console.log(`${graph.people.length} people, ${graph.edges} edges, ${graph.edges * 2} follows`);
  if (!values.verify) await load(api, graph, postsEach);
  return (await verify(api, graph)) ? 0 : 1;
}

async function load(api: Api, graph: Graph, postsEach: number): Promise<void> {
  const members = graph.people.map((name) => memberOf(api, graph, name));
  await inParallel('people', members, CONCURRENCY, ({ name, username }) =>
    register(api, { ...credentialsOf(name), display_name: username }),
  );
  const missing = await inParallel('checking', members, CONCURRENCY, missingFollows);
  await inParallel('follows', interleave(missing), CONCURRENCY, ({ follower, followee }) =>
    follower.call('POST', `/users/follow/${followee}`),
  );
  const posts = await inParallel('checking', members, CONCURRENCY, (member) =>
    missingPosts(member, postsEach),
  );
  await inParallel('posts', interleave(posts), CONCURRENCY, ({ author, text }) => publish(author, { text }));
}

function memberOf(api: Api, graph: Graph, name: string): Member {
  const friends = [...(graph.friends.get(name) ?? [])].map(usernameOf);
  return { ...actAs(api, credentialsOf(name)), name, friends };
}

async function missingFollows(follower: Member) {
  const { body } = await follower.call('GET', `/users/${follower.username}`);
  if (field(body, 'followees_count') === follower.friends.length) return [];
  const present = await readAll(follower, `/users/${follower.username}/followees`);
  const followed = new Set(present.map((profile) => field(profile, 'username')));
  return follower.friends
    .filter((username) => !followed.has(username))
    .map((followee) => ({ follower, followee }));
}

async function missingPosts(author: Member, postsEach: number) {
  const present = await postsOf(author);
  return Array.from({ length: postsEach }, (_, index) => `Post ${index + 1} of ${author.username} #graph`)
    .filter((text) => !present.has(text))
    .map((text) => ({ author, text }));
}

/** Interleaves the lists, so that consecutive requests rarely change the same rows. */
function interleave<Item>(lists: readonly (readonly Item[])[]): Item[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, index) =>
    lists.flatMap((list) => list.slice(index, index + 1)),
  ).flat();
}

/** Compares the follower counts in the system with the file. */
async function verify(api: Api, graph: Graph): Promise<boolean> {
  const wrong = await inParallel('comparing', graph.people, CONCURRENCY, async (name) => {
    const { body } = await api.call('GET', `/users/${usernameOf(name)}`);
    const degree = graph.friends.get(name)?.size ?? 0;
    const counts = [field(body, 'followers_count'), field(body, 'followees_count')];
    return counts.every((count) => count === degree)
      ? []
      : [`${usernameOf(name)} has ${counts.join(' followers and ')} followees instead of ${degree} of each`];
  });
  const differences = wrong.flat();
  for (const difference of differences.slice(0, 20)) console.error(difference);
  console.log(
    differences.length === 0
      ? 'All people have the followers and followees of the file'
      : `${differences.length} people differ from the file`,
  );
  return differences.length === 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (failure) {
  console.error(failure instanceof Error ? `Loading failed: ${failure.message}` : failure);
  process.exitCode = 1;
}
