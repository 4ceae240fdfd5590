import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { MediaServiceDefinition } from '#contracts/gen/media/v1/media';
import { PollsServiceDefinition } from '#contracts/gen/polls/v1/polls';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { migrateDatabase } from '#kit/mysql/migrations';
import { openRedis } from '#kit/redis/client';
import { timelines } from '../../services/timelines';
import { openCaches } from '../../services/timelines/cache/open';
import type { TimelinesDeps } from '../../services/timelines/deps';
import { deliverPosts, type FanOutResult } from '../../services/timelines/feeds/fan-out';
import { createMergedAuthors } from '../../services/timelines/feeds/merged-authors';
import { createReaders } from '../../services/timelines/feeds/readers';
import { createLiveTimelines } from '../../services/timelines/live/service';
import { applyEvent, type UserEvent } from '../../services/timelines/people/replication';
import { type Answered, callerOf } from './call';
import { idsOfOneProcess } from './ids';
import { permittedClient } from './permitted-client';
import { serverVariable, testDatabase } from './servers';
import { testTokens } from './tokens';

export interface Member {
  readonly id: string;
  readonly username: string;
  readonly authorization: string;
}

/** The service on a database of its own and the shared Redis; other services are unavailable unless `parts` has them. */
export async function startTimelines(runtime: Runtime, parts: Partial<TimelinesDeps> = {}) {
  const storage = await testDatabase();
  const tokens = await testTokens();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/timelines/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const noInstances = { instances: () => [], onChange: () => () => undefined };
  const unavailable = { registry: noInstances };
  const redis = await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: false });
  const likes =
    parts.likes ??
    permittedClient(runtime, { service: 'likes', definition: LikesServiceDefinition, ...unavailable });
  const deps = {
    runtime,
    database: storage.database,
    redis,
    ...openCaches({ runtime, database: storage.database, likes }, redis),
    outbox: { wake() {} },
    users: permittedClient(runtime, {
      service: 'users',
      definition: UsersServiceDefinition,
      ...unavailable,
    }),
    likes,
    media: permittedClient(runtime, {
      service: 'media',
      definition: MediaServiceDefinition,
      ...unavailable,
    }),
    polls: permittedClient(runtime, {
      service: 'polls',
      definition: PollsServiceDefinition,
      ...unavailable,
    }),
    nextId: idsOfOneProcess(),
    tokens: tokens.verifier,
    postMaxLength: 500,
    homeSize: 800,
    fanoutFollowersLimit: 10_000,
    mergedAuthors: createMergedAuthors(storage.database),
    readers: createReaders(redis),
    feedBuilds: new Set<string>(),
    ...parts,
  };
  const live = createLiveTimelines(deps, { maximum: 5, anonymous: 4, perAddress: 5, perPerson: 4 });
  const app = timelines(deps, live);
  const call = callerOf(app);
  let version = 1;

  /** Applies an event of the users service. */
  const publish = (name: string, data: object) =>
    applyEvent(deps, {
      id: uuidv7(),
      version: 1,
      occurred_at: new Date().toISOString(),
      trace: { request_id: 'a-request-of-the-test' },
      actor: null,
      name,
      data,
    } as UserEvent);

  return {
    storage,
    tokens,
    deps,
    app,
    live,
    call,
    publish,
    async join(username: string): Promise<Member> {
      const id = uuidv7();
      await publish('user.created', { id, username, display_name: username, avatar_url: null, version: 1 });
      return { id, username, authorization: await tokens.authorization({ id, username }) };
    },
    /** Applies the event of a relation, each time with the next version. */
    relate: (what: 'followed' | 'unfollowed', one: { id: string }, other: { id: string }) =>
      publish(`user.${what}`, { follower_id: one.id, followee_id: other.id, version: version++ }),
    block: (what: 'blocked' | 'unblocked', one: { id: string }, other: { id: string }) =>
      publish(`user.${what}`, { blocker_id: one.id, blocked_id: other.id, version: version++ }),
    mute: (what: 'muted' | 'unmuted', one: { id: string }, other: { id: string }) =>
      publish(`user.${what}`, { muter_id: one.id, muted_id: other.id, version: version++ }),
    async post(author: Member, body: object = { text: 'a text' }): Promise<string> {
      const response = await call('POST', '/posts', { ...author, body });
      if (response.status !== 201) throw new Error(`POST /posts responded with ${response.status}`);
      return String(response.body.id);
    },
    /** All ids of a home timeline, read in pages of `limit`. */
    async readHome(reader: Member, limit: number): Promise<string[]> {
      const ids: string[] = [];
      for (let cursor = ''; ; ) {
        const path = `/posts/home/${reader.username}?limit=${limit}${cursor && `&cursor=${cursor}`}`;
        const response = await call('GET', path, reader);
        if (response.status !== 200) throw new Error(`GET ${path} responded with ${response.status}`);
        ids.push(...idsOf(response));
        if (response.body.next_cursor === null) return ids;
        cursor = String(response.body.next_cursor);
      }
    },
    /** Delivers a post as the fan-out worker does, two followers a batch. */
    async fanOut(authorId: string, postId: string): Promise<void> {
      let afterFollower: string | null = null;
      do {
        const fanOut = { postId, authorId, afterFollower, limit: 2 };
        const [result]: FanOutResult[] = await deliverPosts(deps, [fanOut]);
        afterFollower = result?.nextAfterFollower ?? null;
      } while (afterFollower !== null);
    },
  };
}

export const idsOf = (response: Answered): string[] =>
  (response.body.items as { id: string }[]).map((item) => item.id);
