import { type Runtime, withTimeout } from '../core/runtime';
import type { FileStorage } from './file-storage';
import { openFolderStorage } from './folder';
import { openS3Storage } from './s3';

const CHECK_TIMEOUT_MS = 5_000;

interface S3Environment {
  readonly S3_ENDPOINT: string | undefined;
  readonly S3_REGION: string;
  readonly S3_ACCESS_KEY_ID: string | undefined;
  readonly S3_SECRET_ACCESS_KEY: string | undefined;
}

/**
 * Opens the storage of media files: an S3-compatible server when S3_ENDPOINT is set, otherwise a folder.
 *
 * @throws when S3_ENDPOINT is set without its access keys
 */
export const openStorage = (
  runtime: Runtime,
  env: S3Environment & { readonly MEDIA_STORAGE: string; readonly S3_BUCKET: string },
): Promise<FileStorage> =>
  open(runtime, env, { dependency: 'storage', folder: env.MEDIA_STORAGE, bucket: env.S3_BUCKET });

/**
 * Opens the storage of archives, in which no file of media is.
 *
 * @throws when S3_ENDPOINT is set without its access keys
 */
export const openArchiveStorage = (
  runtime: Runtime,
  env: S3Environment & { readonly ARCHIVES_STORAGE: string; readonly ARCHIVES_S3_BUCKET: string },
): Promise<FileStorage> =>
  open(runtime, env, {
    dependency: 'archive storage',
    folder: env.ARCHIVES_STORAGE,
    bucket: env.ARCHIVES_S3_BUCKET,
  });

async function open(
  runtime: Runtime,
  env: S3Environment,
  place: { dependency: string; folder: string; bucket: string },
): Promise<FileStorage> {
  const storage =
    env.S3_ENDPOINT === undefined
      ? openFolderStorage(place.folder)
      : await openS3Storage({
          endpoint: env.S3_ENDPOINT,
          region: env.S3_REGION,
          bucket: place.bucket,
          ...keysOf(env),
        });
  runtime.dependency({
    name: place.dependency,
    required: true,
    async check() {
      await withTimeout(storage.check(), CHECK_TIMEOUT_MS, `checking the ${place.dependency}`);
      return undefined;
    },
  });
  await storage
    .check()
    .catch((failure: unknown) =>
      runtime.log.warn({ err: failure }, `The ${place.dependency} is unavailable`),
    );
  return storage;
}

function keysOf(env: S3Environment) {
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new Error('S3_ENDPOINT requires S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY');
  return { accessKeyId, secretAccessKey };
}
