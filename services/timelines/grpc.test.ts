import { afterAll, describe, expect, test } from 'bun:test';
import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { UsersServiceDefinition } from '#contracts/gen/users/v1/users';
import { uuidv7 } from '#kit/core/ids';
import { defineProblem } from '#kit/errors/problem';
import { type GrpcService, grpcService, startGrpcServer } from '#kit/grpc/server';
import { permittedClient } from '../../tests/support/permitted-client';
import { testRuntime } from '../../tests/support/servers';
import { startTimelines } from '../../tests/support/timelines';
import { timelinesGrpc } from './grpc';

const runtime = testRuntime('timelines-grpc');
const UserNotFound = defineProblem('user.not-found', 404, 'User not found');

/** A user whose user.created event has not arrived. */
const newcomer = { id: uuidv7(), username: 'newcomer', display_name: 'New Comer', version: 1 };
const lookups: string[] = [];

const { getUsers, getUserByUsername } = UsersServiceDefinition.methods;
const usersService = grpcService(
  { ...UsersServiceDefinition, methods: { getUsers, getUserByUsername } },
  {
    getUsers: ({ ids }) => ({ users: ids.includes(newcomer.id) ? [newcomer] : [] }),
    getUserByUsername({ username }) {
      lookups.push(username);
      if (username !== newcomer.username) throw new UserNotFound();
      return { user: newcomer };
    },
  },
);

let likesResponse: () => Promise<void> = async () => undefined;
const { getCounts, listLikedPosts } = LikesServiceDefinition.methods;
const likesService = grpcService(
  { ...LikesServiceDefinition, methods: { getCounts, listLikedPosts } },
  {
    async getCounts({ post_ids, viewer_id }) {
      await likesResponse();
      return {
        counts: post_ids.map((post_id) => ({ post_id, count: 3, liked_by_viewer: viewer_id !== undefined })),
      };
    },
    async listLikedPosts({ user_ids }) {
      await likesResponse();
      // Of posts older than the end of time more may be liked: `getCounts` is asked.
      return {
        people: user_ids.map((user_id) => ({
          user_id,
          post_ids: [],
          pending_post_ids: [],
          complete_since_ms: '9000000000000',
        })),
      };
    },
  },
);

const servers: ReturnType<typeof testRuntime>[] = [];

async function serve(service: string, grpc: GrpcService) {
  const server = testRuntime(service);
  servers.push(server);
  const { port } = await startGrpcServer(server, {
    host: '127.0.0.1',
    port: 0,
    services: [grpc],
    audience: service,
  });
  const instance = { host: '127.0.0.1', port, grpc_port: port, state: 'up' as const };
  return {
    registry: { instances: () => [instance], onChange: () => () => undefined },
    service,
  };
}

const { call, deps, join, post, relate, storage, block } = await startTimelines(runtime, {
  users: permittedClient(runtime, {
    definition: UsersServiceDefinition,
    ...(await serve('users', usersService)),
  }),
  likes: permittedClient(runtime, {
    definition: LikesServiceDefinition,
    ...(await serve('likes', likesService)),
  }),
});
const client = permittedClient(runtime, {
  definition: TimelinesServiceDefinition,
  ...(await serve('timelines', timelinesGrpc(deps))),
});

afterAll(async () => {
  await runtime.close();
  await Promise.all(servers.map((server) => server.close()));
  await storage.drop();
});

describe('the users service', () => {
  test('is called for an unknown username, once', async () => {
    const author = await join('knowing');
    for (let times = 0; times < 2; times++) {
      const body = { text: 'hello @newcomer and @nobody_at_all' };
      const response = await call('POST', '/posts', { ...author, body });
      expect(response.body.mentions).toEqual([{ id: newcomer.id, username: 'newcomer' }]);
    }
    expect(lookups.filter((name) => name === 'newcomer')).toHaveLength(1);
    expect((await call('GET', '/posts/newcomer')).status).toBe(200);
    expect((await call('GET', '/posts/nobody_at_all')).body.code).toBe('user.not-found');
  });
});

describe('like counts', () => {
  test('are part of a post, with liked_by_me for authenticated callers only', async () => {
    const author = await join('liked');
    const id = await post(author);
    expect((await call('GET', `/posts/id/${id}`, author)).body).toMatchObject({
      likes_count: 3,
      liked_by_me: true,
    });
    const { body } = await call('GET', `/posts/id/${id}`);
    expect(body).toMatchObject({ likes_count: 3 });
    expect(body).not.toHaveProperty('liked_by_me');
  });

  test('are omitted when the likes service exceeds the deadline', async () => {
    const author = await join('late_likes');
    const id = await post(author);
    const released = Promise.withResolvers<void>();
    likesResponse = () => released.promise;
    const { status, body } = await call('GET', `/posts/id/${id}`, author);
    released.resolve();
    likesResponse = async () => undefined;
    expect([status, body.likes_count]).toEqual([200, null]);
    expect(body).not.toHaveProperty('liked_by_me');
  });
});

describe('gRPC', () => {
  const accepted = async (author: { id: string; username: string }, text = 'accepted') => ({
    id: await deps.nextId(),
    author_id: author.id,
    username: author.username,
    text,
    media_ids: [],
    accepted_at: new Date().toISOString(),
  });

  test('an accepted post is created once, also after its deletion', async () => {
    const author = await join('accepting');
    const request = await accepted(author);
    const responses = await Promise.all([1, 2, 3].map(() => client.createAcceptedPost(request)));
    expect(responses.filter(({ created }) => created)).toHaveLength(1);
    expect((await call('GET', `/posts/id/${request.id}`)).body.text).toBe('accepted');
    await call('DELETE', `/posts/id/${request.id}`, author);
    expect(await client.createAcceptedPost(request)).toEqual({ created: false });
    expect((await call('GET', `/posts/id/${request.id}`)).status).toBe(404);
  });

  test('an accepted post is validated like any other', async () => {
    const author = await join('accepting_badly');
    for (const wrong of [
      { text: '' },
      { id: 'x' },
      { author_id: 'x' },
      { visibility: 'secret' },
      { reply_to: '1' },
    ])
      await expect(
        client.createAcceptedPost({ ...(await accepted(author)), ...wrong }),
      ).rejects.toMatchObject({
        status: 422,
      });
  });

  test('getPosts returns only posts the viewer may see', async () => {
    const [author, fan, other] = [await join('shown'), await join('shown_fan'), await join('shown_other')];
    await relate('followed', fan, author);
    await block('blocked', author, other);
    const open = await post(author, { text: 'x'.repeat(300) });
    const closed = await post(author, { text: 'for followers', visibility: 'followers' });
    const seenBy = async (viewer_id?: string) =>
      (await client.getPosts({ ids: [open, closed, '12345', 'rubbish'], viewer_id })).posts.map(
        (each) => each.id,
      );
    expect(await seenBy()).toEqual([open]);
    expect(await seenBy(fan.id)).toEqual([open, closed]);
    expect(await seenBy(other.id)).toEqual([]);
    const { posts } = await client.getPosts({ ids: [open] });
    expect(posts[0]).toMatchObject({ author_id: author.id, excerpt: `${'x'.repeat(139)}…` });
  });
});
