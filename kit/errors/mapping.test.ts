import { afterAll, expect, test } from 'bun:test';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { problemOfFailure } from './mapping';

const UNAVAILABLE = { status: 503, code: 'dependency.unavailable' };

/** Accepts connections, and says nothing. */
const silent = createServer(() => undefined);
silent.listen(0, '127.0.0.1');
await once(silent, 'listening');
const address = silent.address();
const port = address === null || typeof address === 'string' ? 0 : address.port;
afterAll(() => void silent.close());

const failureOf = (call: Promise<unknown>) => call.then(() => undefined).catch((failure: unknown) => failure);

const s3 = (requestHandler: object) =>
  new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    forcePathStyle: true,
    maxAttempts: 1,
    requestHandler,
  });

test.each([
  ['a request of the AWS SDK', { requestTimeout: 50, throwOnRequestTimeout: true }],
  ['a connection of the AWS SDK', { socketTimeout: 50 }],
])('a server that does not respond in time is unavailable: %s', async (_, requestHandler) => {
  const client = s3(requestHandler);
  const failure = await failureOf(client.send(new HeadBucketCommand({ Bucket: 'files' })));
  expect(problemOfFailure(failure)).toMatchObject(UNAVAILABLE);
  client.destroy();
});

test('a server that does not respond in time is unavailable: fetch', async () => {
  const late = fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(50) });
  expect(problemOfFailure(await failureOf(late))).toMatchObject(UNAVAILABLE);
});

test('any other failure is internal, and what it says stays inside', () => {
  expect(problemOfFailure(new Error('secret'))).toMatchObject({ status: 500 });
  expect(JSON.stringify(problemOfFailure(new Error('secret')))).not.toContain('secret');
});
