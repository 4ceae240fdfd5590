import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { createIdGenerator, uuidv7 } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { createGrpcClient } from '#kit/grpc/client';
import { migrateDatabase } from '#kit/mysql/migrations';
import { openRedis } from '#kit/redis/client';
import { timelines } from '../../services/timelines';
import { createLiveTimelines } from '../../services/timelines/live';
import { takeOver } from '../../services/timelines/replicas';
import type { TimelinesDeps } from '../../services/timelines/service';
import { type Answered, callerOf } from './call';
import { serverVariable, testDatabase } from './servers';
import { testTokens } from './tokens';

export interface Member {
  readonly id: string;
  readonly username: string;
  readonly authorization: string;
}

/** The service on a database of its own and the shared Redis, with users and likes away unless `parts` say otherwise. */
export async function startTimelines(runtime: Runtime, parts: Partial<TimelinesDeps> = {}) {
  const storage = await testDatabase();
  const tokens = await testTokens();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/timelines/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const nobody = { instances: () => [], onChange: () => () => undefined };
  const away = { registry: nobody, internalSecret: 'a secret for this test' };
  const deps = {
    runtime,
    database: storage.database,
    redis: await openRedis(runtime, { url: serverVariable('REDIS_URL'), required: false }),
    outbox: { wake() {} },
    users: createGrpcClient(runtime, { service: 'users', definition: UsersServiceDefinition, ...away }),
    likes: createGrpcClient(runtime, { service: 'likes', definition: LikesServiceDefinition, ...away }),
    nextId: createIdGenerator(1),
    tokens: tokens.verifier,
    postMaxLength: 500,
    homeSize: 800,
    fanoutFollowersLimit: 10_000,
    ...parts,
  };
  const live = createLiveTimelines(deps, { maximumStreams: 4 });
  const app = timelines(deps, live);
  const call = callerOf(app);
  let version = 1;

  const tell = (name: string, data: object) =>
    takeOver(deps, {
      id: uuidv7(),
      version: 1,
      occurred_at: new Date().toISOString(),
      trace: { request_id: 'a-request-of-the-test' },
      actor: null,
      name,
      data,
    } as Parameters<typeof takeOver>[1]);

  return {
    storage,
    tokens,
    deps,
    app,
    live,
    call,
    tell,
    async join(username: string): Promise<Member> {
      const id = uuidv7();
      await tell('user.created', { id, username, display_name: username, avatar_url: null, version: 1 });
      return { id, username, authorization: await tokens.authorization({ id, username }) };
    },
    /** Tells of a relation as users does, each time with the next version. */
    relate: (what: 'followed' | 'unfollowed', one: { id: string }, other: { id: string }) =>
      tell(`user.${what}`, { follower_id: one.id, followee_id: other.id, version: version++ }),
    block: (what: 'blocked' | 'unblocked', one: { id: string }, other: { id: string }) =>
      tell(`user.${what}`, { blocker_id: one.id, blocked_id: other.id, version: version++ }),
    mute: (what: 'muted' | 'unmuted', one: { id: string }, other: { id: string }) =>
      tell(`user.${what}`, { muter_id: one.id, muted_id: other.id, version: version++ }),
    async post(author: Member, body: object = { text: 'a text' }): Promise<string> {
      const answer = await call('POST', '/posts', { ...author, body });
      if (answer.status !== 201) throw new Error(`a post was answered with ${answer.status}`);
      return String(answer.body.id);
    },
  };
}

export const idsOf = (answer: Answered): string[] =>
  (answer.body.items as { id: string }[]).map((item) => item.id);
