import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { assertSha256, BytesMissing, type FileStorage, isSha256 } from './file-storage';
import { removeStagedBefore, stageFile } from './staging';

export interface S3Settings {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const FOLDER = 'files/';
const CONNECT_TIMEOUT_MS = 3_000;
/** Without a byte in either direction; a transfer may take longer. */
const IDLE_TIMEOUT_MS = 30_000;
const ATTEMPTS = 3;

/**
 * Opens a storage in a bucket of an S3-compatible server. `check` creates the bucket if it does not exist. Bytes are staged
 * on the local disk first, because the server requires their number, and an object appears only once it is complete.
 */
export async function openS3Storage(settings: S3Settings): Promise<FileStorage> {
  // Loaded on demand: the client takes more memory than the rest of a small process.
  const s3 = await import('@aws-sdk/client-s3');
  const client = new s3.S3Client({
    endpoint: settings.endpoint,
    region: settings.region,
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    // Other servers than Amazon's do not support buckets as host names, nor always the newer checksums.
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
  });
  const incoming = join(tmpdir(), 'rookery-incoming');
  const { bucket } = settings;
  const objectOf = (sha256: string) => ({ Bucket: bucket, Key: `${FOLDER}${assertSha256(sha256)}` });

  const holds = async (sha256: string) =>
    unlessMissing(
      client.send(new s3.HeadObjectCommand(objectOf(sha256))).then(() => true),
      false,
    );

  return {
    async receive(source, { maximumBytes }) {
      const staged = await stageFile(incoming, source, maximumBytes);
      return {
        ...staged,
        async keep() {
          if (await holds(staged.sha256)) return;
          const file = await open(staged.path);
          const upload = {
            ...objectOf(staged.sha256),
            Body: file.createReadStream(),
            ContentLength: staged.size,
          };
          await client.send(new s3.PutObjectCommand(upload));
        },
        discard: () => rm(staged.path, { force: true }),
      };
    },
    async read(sha256, range) {
      const wanted = { ...objectOf(sha256), ...(range && { Range: `bytes=${range.start}-${range.end}` }) };
      const object = await unlessMissing(client.send(new s3.GetObjectCommand(wanted)), undefined);
      if (object?.Body === undefined) throw new BytesMissing();
      return object.Body.transformToWebStream();
    },
    holds,
    async delete(sha256) {
      await client.send(new s3.DeleteObjectCommand(objectOf(sha256)));
    },
    async *list() {
      for await (const { Contents = [] } of s3.paginateListObjectsV2(
        { client },
        { Bucket: bucket, Prefix: FOLDER },
      ))
        for (const { Key = '' } of Contents) {
          const name = Key.slice(FOLDER.length);
          if (isSha256(name)) yield name;
        }
    },
    removeAbandoned: (olderThanMs) => removeStagedBefore(incoming, olderThanMs),
    check: () => ensureBucket(s3, client, bucket),
  };
}

async function ensureBucket(
  s3: typeof import('@aws-sdk/client-s3'),
  client: S3Client,
  bucket: string,
): Promise<void> {
  const exists = await unlessMissing(
    client.send(new s3.HeadBucketCommand({ Bucket: bucket })).then(() => true),
    false,
  );
  if (exists) return;
  try {
    await client.send(new s3.CreateBucketCommand({ Bucket: bucket }));
  } catch (failure) {
    // Another process has created it meanwhile.
    if (!(failure instanceof Error && failure.name === 'BucketAlreadyOwnedByYou')) throw failure;
  }
}

/** The client has several errors for a missing object or bucket. */
const MISSING = new Set(['NotFound', 'NoSuchKey', 'NoSuchBucket']);

const unlessMissing = <Found, Fallback>(call: Promise<Found>, fallback: Fallback) =>
  call.catch((failure: unknown): Fallback => {
    if (failure instanceof Error && MISSING.has(failure.name)) return fallback;
    throw failure;
  });
