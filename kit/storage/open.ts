import { type Runtime, withTimeout } from '../core/runtime';
import type { FileStorage } from './file-storage';
import { openFolderStorage } from './folder';
import { openS3Storage } from './s3';

const CHECK_TIMEOUT_MS = 5_000;

/**
 * The storage the environment names: an S3-compatible server where S3_ENDPOINT is set, else a folder.
 *
 * @throws when a server is named without its keys
 */
export async function openStorage(
  runtime: Runtime,
  env: {
    MEDIA_STORAGE: string;
    S3_ENDPOINT: string | undefined;
    S3_BUCKET: string;
    S3_REGION: string;
    S3_ACCESS_KEY_ID: string | undefined;
    S3_SECRET_ACCESS_KEY: string | undefined;
  },
): Promise<FileStorage> {
  const storage =
    env.S3_ENDPOINT === undefined
      ? openFolderStorage(env.MEDIA_STORAGE)
      : await openS3Storage({
          endpoint: env.S3_ENDPOINT,
          region: env.S3_REGION,
          bucket: env.S3_BUCKET,
          ...keysOf(env),
        });
  runtime.dependency({
    name: 'storage',
    required: true,
    async check() {
      await withTimeout(storage.check(), CHECK_TIMEOUT_MS, 'asking the storage');
      return undefined;
    },
  });
  await storage
    .check()
    .catch((failure: unknown) => runtime.log.warn({ err: failure }, 'the storage is not there yet'));
  return storage;
}

function keysOf(env: { S3_ACCESS_KEY_ID: string | undefined; S3_SECRET_ACCESS_KEY: string | undefined }) {
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new Error('With S3_ENDPOINT set, set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY as well');
  return { accessKeyId, secretAccessKey };
}
