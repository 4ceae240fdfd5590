import { afterAll, expect, test } from 'bun:test';
import { MediaServiceDefinition, type UploadAvatarRequest } from '#contracts/gen/media/v1/media';
import { sleep } from '../core/back-off';
import { createLogger } from '../core/log';
import { createRuntime } from '../core/runtime';
import { defineProblem } from '../errors/problem';
import { createGrpcClient } from './client';
import { grpcService, type Handlers, startGrpcServer } from './server';

const SECRET = 'a-secret-used-in-tests-only';
const Refused = defineProblem('test.refused', 409, 'Not this one');
/** The one method that takes a stream. */
const DEFINITION = {
  ...MediaServiceDefinition,
  methods: { uploadAvatar: MediaServiceDefinition.methods.uploadAvatar },
};

const runtime = createRuntime({
  name: 'streams',
  version: '1.0.0',
  log: await createLogger({ name: 'streams', level: 'silent' }),
});
let upload: Handlers<typeof DEFINITION>['uploadAvatar'] = () => ({ file: undefined });
const { port } = await startGrpcServer(runtime, {
  host: '127.0.0.1',
  port: 0,
  services: [grpcService(DEFINITION, { uploadAvatar: (requests, call) => upload(requests, call) })],
  internalSecret: SECRET,
  audience: 'media',
});
const instance = { host: '127.0.0.1', grpc_port: port, state: 'up' as const };
const client = createGrpcClient(runtime, {
  service: 'media',
  definition: DEFINITION,
  registry: { instances: () => [instance], onChange: () => undefined },
  internalSecret: SECRET,
  deadlineMs: 20_000,
});

afterAll(() => runtime.close());

const dataOf = (bytes: number): UploadAvatarRequest => ({
  content: { $case: 'data', value: Buffer.alloc(bytes) },
});

/** Counts what was taken from it, and whether it was told to stop. */
function source(count: number, bytes: number) {
  const seen = { taken: 0, stopped: false };
  async function* messages() {
    try {
      for (; seen.taken < count; seen.taken++) yield dataOf(bytes);
    } finally {
      seen.stopped = true;
    }
  }
  return { seen, messages: messages() };
}

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'answered',
    (problem: unknown) => problem,
  );

test('all messages of a stream arrive, in their order', async () => {
  const lengths: number[] = [];
  upload = async (requests) => {
    for await (const { content } of requests)
      if (content?.$case === 'data') lengths.push(content.value.length);
    return { file: undefined };
  };
  async function* messages() {
    for (let length = 1; length <= 300; length++) yield dataOf(length);
  }
  await client.uploadAvatar(messages());
  expect(lengths).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
});

test('a stream is read no faster than the callee takes it', async () => {
  const release = Promise.withResolvers<void>();
  let received = 0;
  upload = async (requests) => {
    for await (const _ of requests) {
      received++;
      await release.promise;
    }
    return { file: undefined };
  };
  const { seen, messages } = source(1_000, 64 * 1024);
  const call = client.uploadAvatar(messages);
  for (let before = -1; before !== seen.taken || received === 0; await sleep(50)) before = seen.taken;
  // Of 64 MB, what the two sides' buffers hold.
  expect(seen.taken * 64 * 1024).toBeLessThan(16 * 1024 * 1024);
  release.resolve();
  await call;
  expect(received).toBe(1_000);
}, 30_000);

test('a refusal in the middle ends the call, and nothing more is read', async () => {
  upload = async (requests) => {
    for await (const _ of requests) throw new Refused();
    return { file: undefined };
  };
  const { seen, messages } = source(100_000, 64 * 1024);
  expect(await outcomeOf(client.uploadAvatar(messages))).toMatchObject({ code: 'test.refused', status: 409 });
  expect(seen.stopped).toBe(true);
  expect(seen.taken).toBeLessThan(100_000);
});

test('a stream that is broken off is never taken for whole', async () => {
  for (let attempt = 0; attempt < 150; attempt++) {
    const ended = Promise.withResolvers<string>();
    const stop = new AbortController();
    upload = async (requests) => {
      try {
        for await (const _ of requests) if (attempt % 2 === 0) await sleep(1);
        ended.resolve('whole');
      } catch {
        ended.resolve('broken off');
      }
      return { file: undefined };
    };
    async function* messages() {
      for (let count = 0; count < 5 + attempt; count++) yield dataOf(1_000);
      if (attempt % 3 === 0) throw new Error('The source has failed');
      stop.abort();
      await sleep(1_000);
    }
    expect(await outcomeOf(client.uploadAvatar(messages(), { signal: stop.signal }))).not.toBe('answered');
    expect(await ended.promise).toBe('broken off');
  }
}, 30_000);
