import { afterEach, expect, test } from 'bun:test';
import { LikesServiceDefinition } from '#contracts/gen/likes/v1/likes';
import { eventually } from '../../tests/support/eventually';
import { developmentIdentity, type ServiceIdentity } from '../core/identity';
import { createLogger } from '../core/log';
import { createRuntime, type Runtime } from '../core/runtime';
import { DependencyUnavailable, defineProblem, type Problem } from '../errors/problem';
import type { AddressedInstance } from '../registry/instances';
import { createGrpcClient } from './client';
import { grpcService, type Handlers, startGrpcServer } from './server';
import type { IncomingCall } from './server-call';

const PostNotFound = defineProblem('test.post-not-found', 404, 'Post not found');
const runtimes: Runtime[] = [];

afterEach(async () => {
  for (const runtime of runtimes.splice(0).reverse()) await runtime.close();
});

test('requests and responses are transferred completely, unset fields included', async () => {
  const { client } = await connected({
    getCounts: ({ post_ids, viewer_id }) => ({
      counts: post_ids.map((post_id) => ({ post_id, count: 3, liked_by_viewer: viewer_id === undefined })),
    }),
  });
  expect(await client.getCounts({ post_ids: ['a', 'b'] })).toEqual({
    counts: [
      { post_id: 'a', count: 3, liked_by_viewer: true },
      { post_id: 'b', count: 3, liked_by_viewer: true },
    ],
  });
});

test('the handler receives the caller, the request id, the trace and the deadline', async () => {
  let seen: IncomingCall | undefined;
  const { client } = await connected({
    getCounts: (_request, call) => {
      seen = call;
      return { counts: [] };
    },
  });
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const startedMs = Date.now();
  await client.getCounts({ post_ids: [] }, { requestId: 'request-1234', traceparent, deadlineMs: 5_000 });
  expect(seen).toMatchObject({ requestId: 'request-1234', traceparent, caller: 'timelines' });
  expect(seen?.deadline).toBeGreaterThan(startedMs);
  expect(seen?.deadline).toBeLessThanOrEqual(Date.now() + 5_000);
});

test("the caller receives the callee's problem", async () => {
  const { client } = await connected({
    getCounts: () => {
      throw new PostNotFound({ detail: 'It was deleted.' });
    },
  });
  expect(await problemOf(client.getCounts({ post_ids: [] }))).toMatchObject({
    code: 'test.post-not-found',
    status: 404,
    detail: 'It was deleted.',
  });
});

test('an unexpected error of a handler reveals no internals', async () => {
  const { client } = await connected({
    getCounts: () => {
      throw new Error('SELECT password FROM users');
    },
  });
  const problem = await problemOf(client.getCounts({ post_ids: [] }));
  expect(problem).toMatchObject({ code: 'internal', status: 500 });
  expect(String(problem.cause)).not.toContain('SELECT');
});

test('an unavailable dependency of the callee is 503, and the call is retried', async () => {
  let calls = 0;
  const { client } = await connected({
    getCounts: () => {
      calls++;
      throw new Error('A query failed', { cause: new DependencyUnavailable() });
    },
  });
  const problem = await problemOf(client.getCounts({ post_ids: [] }));
  expect(problem).toMatchObject({ code: 'dependency.unavailable', status: 503 });
  expect(calls).toBeGreaterThan(1);
});

test('a call ends at its deadline, and the signal of its handler aborts', async () => {
  const aborted = Promise.withResolvers<void>();
  const { client } = await connected({
    getCounts: async (_request, { signal }) => {
      signal.addEventListener('abort', () => aborted.resolve());
      await aborted.promise;
      return { counts: [] };
    },
  });
  expect(await problemOf(client.getCounts({ post_ids: [] }, { deadlineMs: 50 }))).toMatchObject({
    status: 504,
  });
  await aborted.promise;
});

test('a refused caller is an internal error, not a 401 or 403 of its user; it is counted by name', async () => {
  let calls = 0;
  const { address, runtime } = await serving({
    getCounts: () => {
      calls++;
      return { counts: [] };
    },
  });
  const { privateKey } = developmentIdentity('billing');
  const wrong = [
    { service: 'users' },
    { identity: { ...developmentIdentity('timelines'), privateKey } },
    { identity: developmentIdentity('billing') },
  ];
  for (const one of wrong) {
    const client = await calling([address], one);
    expect(await problemOf(client.getCounts({ post_ids: [] }))).toMatchObject({ status: 500 });
  }
  expect(calls).toBe(0);
  const labels = 'grpc_service="likes.v1.LikesService",grpc_method="GetCounts"';
  const metrics = await runtime.metrics.metrics();
  expect(metrics).toContain(`grpc_server_refused_callers_total{${labels},caller="unknown"} 2`);
  expect(metrics).toContain(`grpc_server_refused_callers_total{${labels},caller="billing"} 1`);
  expect(metrics).toContain(`grpc_server_handling_seconds_count{${labels},grpc_code="PERMISSION_DENIED"} 1`);
});

test('a method that names no callers is not served', async () => {
  const { getCounts } = LikesServiceDefinition.methods;
  const definition = { ...LikesServiceDefinition, methods: { getCounts: { ...getCounts, options: {} } } };
  const runtime = await newRuntime('likes');
  const service = grpcService(definition, { getCounts: () => ({ counts: [] }) });
  await expect(
    startGrpcServer(runtime, { host: '127.0.0.1', port: 0, services: [service], audience: 'likes' }),
  ).rejects.toThrow('names no callers');
});

test('a call without an available instance is an immediate 503 with Retry-After', async () => {
  const client = await calling([]);
  expect(await problemOf(client.getCounts({ post_ids: [] }))).toMatchObject({
    code: 'dependency.unavailable',
    status: 503,
    headers: { 'retry-after': '1' },
  });
});

test('calls are balanced over the instances', async () => {
  const answered = [0, 0];
  const instances = await Promise.all(
    answered.map((_, index) =>
      serving({
        getCounts: () => {
          answered[index] = (answered[index] ?? 0) + 1;
          return { counts: [] };
        },
      }),
    ),
  );
  const client = await calling(instances.map(({ address }) => address));
  for (let call = 0; call < 10; call++) await client.getCounts({ post_ids: [] });
  expect(answered).toEqual([5, 5]);
});

test('unhealthy instances are called only when none is up, draining ones never', async () => {
  const up = await serving({ getCounts: () => ({ counts: [] }) });
  const silent = await serving({
    getCounts: () => ({ counts: [{ post_id: 'silent', count: 1, liked_by_viewer: false }] }),
  });
  const view: AddressedInstance[] = [up.address, { ...silent.address, state: 'unhealthy' as const }];
  const client = await calling(view);
  for (let call = 0; call < 4; call++) expect((await client.getCounts({ post_ids: [] })).counts).toEqual([]);
  view[0] = { ...up.address, state: 'draining' };
  expect((await client.getCounts({ post_ids: [] })).counts).toHaveLength(1);
});

test('an idempotent call is retried on another instance when one dies', async () => {
  const [first, second] = [
    await serving({ getCounts: () => ({ counts: [] }) }),
    await serving({ getCounts: () => ({ counts: [] }) }),
  ];
  const client = await calling([first.address, second.address]);
  for (let call = 0; call < 4; call++) await client.getCounts({ post_ids: [] });
  await first.runtime.close();
  for (let call = 0; call < 20; call++) await client.getCounts({ post_ids: [] });
});

test('a restarted instance is used again', async () => {
  const first = await serving({ getCounts: () => ({ counts: [] }) });
  const client = await calling([first.address]);
  await client.getCounts({ post_ids: [] });
  await first.runtime.close();
  expect(await problemOf(client.getCounts({ post_ids: [] }))).toMatchObject({ status: 503 });
  await serving({ getCounts: () => ({ counts: [] }) }, first.address.grpc_port);
  await eventually(() => client.getCounts({ post_ids: [] }));
});

test('running calls finish before the server shuts down', async () => {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { client, runtime } = await connected({
    getCounts: async () => {
      begun.resolve();
      await release.promise;
      return { counts: [] };
    },
  });
  const answer = client.getCounts({ post_ids: [] });
  await begun.promise;
  const closed = runtime.close();
  release.resolve();
  expect(await answer).toEqual({ counts: [] });
  await closed;
});

test('a server starts on a free port when its own is in use', async () => {
  const first = await serving({});
  const second = await serving({}, first.address.grpc_port);
  expect(second.address.grpc_port).not.toBe(first.address.grpc_port);
});

test('calls are counted by method and code', async () => {
  const { client, runtime } = await connected({ getCounts: () => ({ counts: [] }) });
  await client.getCounts({ post_ids: [] });
  expect(await runtime.metrics.metrics()).toContain(
    'grpc_server_handling_seconds_count{grpc_service="likes.v1.LikesService",grpc_method="GetCounts",grpc_code="OK"} 1',
  );
});

type LikesHandlers = Partial<Handlers<typeof LikesServiceDefinition>>;

async function connected(handlers: LikesHandlers) {
  const server = await serving(handlers);
  return { runtime: server.runtime, client: await calling([server.address]) };
}

async function serving(handlers: LikesHandlers, port = 0) {
  const runtime = await newRuntime('likes');
  const unexpected = () => {
    throw new Error('Not expected to be called');
  };
  const service = grpcService(LikesServiceDefinition, {
    getCounts: unexpected,
    listLikedPosts: unexpected,
    acceptLike: unexpected,
    withdrawLike: unexpected,
    claimNotifications: unexpected,
    confirmNotifications: unexpected,
    ...handlers,
  });
  const options = { host: '127.0.0.1', port, services: [service], audience: 'likes' };
  const { port: grpc_port } = await startGrpcServer(runtime, options);
  return { runtime, address: { host: '127.0.0.1', grpc_port, state: 'up' as const } };
}

async function calling(
  instances: readonly AddressedInstance[],
  wrong: { identity?: ServiceIdentity; service?: string } = {},
) {
  return createGrpcClient(await newRuntime('timelines'), {
    service: wrong.service ?? 'likes',
    definition: LikesServiceDefinition,
    registry: { instances: () => instances, onChange: () => undefined },
    ...(wrong.identity && { identity: wrong.identity }),
  });
}

async function newRuntime(name: string): Promise<Runtime> {
  const runtime = createRuntime({
    name,
    version: '1.0.0',
    log: await createLogger({ name, level: 'silent' }),
  });
  runtimes.push(runtime);
  return runtime;
}

const problemOf = (call: Promise<unknown>): Promise<Problem> =>
  call.then(
    () => Promise.reject(new Error('The call should have failed')),
    (problem: Problem) => problem,
  );
