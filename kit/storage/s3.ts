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
/** Silence of the server, not the length of a transfer. */
const SILENCE_TIMEOUT_MS = 30_000;
const ATTEMPTS = 3;

/**
 * Files in a bucket of an S3-compatible server, which is made when it is missing. Bytes are staged on this machine
 * first, because the server wants to know their number, and an object appears only once all of it has arrived.
 */
export async function openS3Storage(settings: S3Settings): Promise<FileStorage> {
  // Loaded only where it is used: the client costs more memory than all else in a small process.
  const s3 = await import('@aws-sdk/client-s3');
  const client = new s3.S3Client({
    endpoint: settings.endpoint,
    region: settings.region,
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    // Servers other than Amazon's know no buckets as host names, and not all know the newer checksums.
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: SILENCE_TIMEOUT_MS },
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
      const answer = await unlessMissing(client.send(new s3.GetObjectCommand(wanted)), undefined);
      if (answer?.Body === undefined) throw new BytesMissing();
      return answer.Body.transformToWebStream();
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
  const there = await unlessMissing(
    client.send(new s3.HeadBucketCommand({ Bucket: bucket })).then(() => true),
    false,
  );
  if (there) return;
  try {
    await client.send(new s3.CreateBucketCommand({ Bucket: bucket }));
  } catch (failure) {
    // Another process that starts at the same time was quicker.
    if (!(failure instanceof Error && failure.name === 'BucketAlreadyOwnedByYou')) throw failure;
  }
}

/** The client says in several ways that something is not there. */
const MISSING = new Set(['NotFound', 'NoSuchKey', 'NoSuchBucket']);

const unlessMissing = <Found, Otherwise>(asked: Promise<Found>, otherwise: Otherwise) =>
  asked.catch((failure: unknown): Otherwise => {
    if (failure instanceof Error && MISSING.has(failure.name)) return otherwise;
    throw failure;
  });
