import { afterAll, expect, test } from 'bun:test';
import { MediaServiceDefinition, type UploadAvatarRequest } from '#contracts/gen/media/v1/media';
import { sleep } from '../core/back-off';
import { createLogger } from '../core/log';
import { createRuntime } from '../core/runtime';
import { defineProblem } from '../errors/problem';
import { createGrpcClient } from './client';
import { grpcService, type Handlers, startGrpcServer } from './server';

const Rejected = defineProblem('test.rejected', 409, 'Rejected');
/** The one method that takes a stream. */
const DEFINITION = {
  ...MediaServiceDefinition,
  methods: { uploadAvatar: MediaServiceDefinition.methods.uploadAvatar },
};

const runtime = createRuntime({
  name: 'gateway',
  version: '1.0.0',
  log: await createLogger({ name: 'gateway', level: 'silent' }),
});
let upload: Handlers<typeof DEFINITION>['uploadAvatar'] = () => ({ file: undefined });
const { port } = await startGrpcServer(runtime, {
  host: '127.0.0.1',
  port: 0,
  services: [grpcService(DEFINITION, { uploadAvatar: (requests, call) => upload(requests, call) })],
  audience: 'media',
});
const instance = { host: '127.0.0.1', grpc_port: port, state: 'up' as const };
const client = createGrpcClient(runtime, {
  service: 'media',
  definition: DEFINITION,
  registry: { instances: () => [instance], onChange: () => undefined },
  deadlineMs: 20_000,
});

afterAll(() => runtime.close());

const dataOf = (bytes: number): UploadAvatarRequest => ({
  content: { $case: 'data', value: Buffer.alloc(bytes) },
});

/** Counts the messages read from it, and records whether it was stopped. */
function source(count: number, bytes: number) {
  const seen = { read: 0, stopped: false };
  async function* messages() {
    try {
      for (; seen.read < count; seen.read++) yield dataOf(bytes);
    } finally {
      seen.stopped = true;
    }
  }
  return { seen, messages: messages() };
}

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'succeeded',
    (problem: unknown) => problem,
  );

test('all messages of a stream arrive in order', async () => {
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

test('a stream is read with backpressure from the callee', async () => {
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
  for (let before = -1; before !== seen.read || received === 0; await sleep(50)) before = seen.read;
  // Of 64 MB, as much as the buffers of both sides hold.
  expect(seen.read * 64 * 1024).toBeLessThan(16 * 1024 * 1024);
  release.resolve();
  await call;
  expect(received).toBe(1_000);
}, 60_000);

test('a rejection during the stream ends the call, and stops reading', async () => {
  upload = async (requests) => {
    for await (const _ of requests) throw new Rejected();
    return { file: undefined };
  };
  const { seen, messages } = source(100_000, 64 * 1024);
  expect(await outcomeOf(client.uploadAvatar(messages))).toMatchObject({
    code: 'test.rejected',
    status: 409,
  });
  expect(seen.stopped).toBe(true);
  expect(seen.read).toBeLessThan(100_000);
});

test('an aborted stream never counts as complete', async () => {
  for (let attempt = 0; attempt < 150; attempt++) {
    const ended = Promise.withResolvers<string>();
    const stop = new AbortController();
    upload = async (requests) => {
      try {
        for await (const _ of requests) if (attempt % 2 === 0) await sleep(1);
        ended.resolve('complete');
      } catch {
        ended.resolve('aborted');
      }
      return { file: undefined };
    };
    async function* messages() {
      for (let count = 0; count < 5 + attempt; count++) yield dataOf(1_000);
      if (attempt % 3 === 0) throw new Error('The source failed');
      stop.abort();
      await sleep(1_000);
    }
    expect(await outcomeOf(client.uploadAvatar(messages(), { signal: stop.signal }))).not.toBe('succeeded');
    expect(await ended.promise).toBe('aborted');
  }
}, 60_000);
