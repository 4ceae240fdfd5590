import { type Runtime, withTimeout } from '../core/runtime';
import type { FileStorage } from './file-storage';
import { openFolderStorage } from './folder';
import { openS3Storage } from './s3';

const CHECK_TIMEOUT_MS = 5_000;

/**
 * Opens the configured storage: an S3-compatible server when S3_ENDPOINT is set, otherwise a folder.
 *
 * @throws when S3_ENDPOINT is set without its access keys
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
      await withTimeout(storage.check(), CHECK_TIMEOUT_MS, 'checking the storage');
      return undefined;
    },
  });
  await storage
    .check()
    .catch((failure: unknown) => runtime.log.warn({ err: failure }, 'The storage is unavailable'));
  return storage;
}

function keysOf(env: { S3_ACCESS_KEY_ID: string | undefined; S3_SECRET_ACCESS_KEY: string | undefined }) {
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new Error('S3_ENDPOINT requires S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY');
  return { accessKeyId, secretAccessKey };
}
