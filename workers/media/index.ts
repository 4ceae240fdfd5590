import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileStored, PictureUploaded } from '#contracts/events/media';
import type { MediaServiceDefinition } from '#contracts/gen/media/v1/media';
import type { MessageOf } from '#contracts/messages';
import type { GrpcClient } from '#kit/grpc/client';
import { type MessageContext, PermanentError, RetryableError } from '#kit/messaging/delivery';
import { BytesMissing, type FileStorage } from '#kit/storage/file-storage';
import type { EventWorker } from '#kit/worker';
import {
  type Rendered,
  type RenderResult,
  RenderTimedOut,
  type StagedFile,
  type Stripped,
} from './rendering';
import { COPY_NAME } from './stripping/strip';

export interface MediaWorkerDeps {
  readonly storage: FileStorage;
  readonly media: Pick<
    GrpcClient<MediaServiceDefinition>,
    'completeProcessing' | 'recordCopy' | 'rejectPicture'
  >;
  readonly render: (picture: StagedFile) => Promise<RenderResult>;
  readonly strip: (file: StagedFile) => Promise<Stripped>;
  /** Holds files while they are processed. */
  readonly folder: string;
}

type Picture = MessageOf<typeof PictureUploaded>['data'];

/** Decoding a picture may take 200 MB and one core. */
const CONCURRENCY = 2;
/** For failures that the picture may not have caused. */
const MAX_ATTEMPTS = 5;
/** One retry, in case the machine was busy: a decompression bomb costs twice five seconds. */
const MAX_TIMED_OUT_ATTEMPTS = 2;
const RETRY_AFTER_MS = 5_000;
const MAX_SIZE_BYTES = 50 * 1024 * 1024;
/** A copy is as large as its original, or a little larger where an orientation has to be said again. */
const MAX_COPY_BYTES = 1024 ** 3 + 1024;
const RECORD_TIMEOUT_MS = 10_000;

/**
 * Renders pictures in all sizes. A repeat renders the same bytes under the same names, and is recorded once. An unusable
 * picture is recorded as rejected, which is an answer, not a failure: its message is acknowledged.
 */
export const mediaWorker = (deps: MediaWorkerDeps): EventWorker<typeof PictureUploaded> => ({
  source: { consumer: 'media', events: [PictureUploaded] },
  concurrency: CONCURRENCY,
  handle: ({ data }, context) =>
    inFolder(deps.folder, async (folder) => {
      const result = await render(deps, data, folder, context);
      if ('rejected' in result) return reject(deps, data, result.rejected, context);
      // First: what is ready is shown to others.
      await recordCopy(deps, data, result.copied ? folder : undefined);
      await complete(deps, data, result, context);
    }),
});

/** Copies files without their metadata: those that are no pictures, and those that were stored before there were copies. */
export const copyingWorker = (
  deps: Pick<MediaWorkerDeps, 'storage' | 'media' | 'strip' | 'folder'>,
): EventWorker<typeof FileStored> => ({
  source: { consumer: 'media-copies', events: [FileStored] },
  concurrency: 1,
  handle: ({ data }, context) =>
    inFolder(deps.folder, async (folder) => {
      const { copied } = await copy(deps, data, folder, context);
      await recordCopy(deps, data, copied ? folder : undefined);
    }),
});

async function inFolder(parent: string, work: (folder: string) => Promise<void>): Promise<void> {
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'file-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws RetryableError until the attempts are used up; then only the owner gets the file */
async function copy(
  deps: Pick<MediaWorkerDeps, 'storage' | 'strip'>,
  { sha256, type }: Picture,
  folder: string,
  { attempt, log }: MessageContext,
): Promise<Stripped> {
  try {
    const path = await fetchOriginal(deps.storage, sha256, folder);
    return await deps.strip({ path, type, folder });
  } catch (failure) {
    if (attempt < (failure instanceof RenderTimedOut ? MAX_TIMED_OUT_ATTEMPTS : MAX_ATTEMPTS))
      throw new RetryableError('the file could not be copied', { cause: failure, afterMs: RETRY_AFTER_MS });
    log.warn({ err: failure }, 'copying failed permanently; only the owner gets the file');
    return { copied: false };
  }
}

async function fetchOriginal(storage: FileStorage, sha256: string, folder: string): Promise<string> {
  const path = join(folder, 'original');
  await Bun.write(path, new Response(await storage.read(sha256)));
  return path;
}

/** @param folder holds the copy; undefined where none can be made */
async function recordCopy(
  { storage, media }: Pick<MediaWorkerDeps, 'storage' | 'media'>,
  { media_id, version }: Picture,
  folder: string | undefined,
): Promise<void> {
  const copied =
    folder === undefined ? undefined : await keep(storage, join(folder, COPY_NAME), MAX_COPY_BYTES);
  await media.recordCopy({ id: media_id, version, copy: copied }, { deadlineMs: RECORD_TIMEOUT_MS });
}

/** @throws RetryableError until the attempts are used up; then the picture is rejected */
async function render(
  deps: MediaWorkerDeps,
  { sha256, type }: Picture,
  folder: string,
  { attempt, log }: MessageContext,
): Promise<RenderResult> {
  try {
    const path = await fetchOriginal(deps.storage, sha256, folder);
    return await deps.render({ path, type, folder });
  } catch (failure) {
    const timedOut = failure instanceof RenderTimedOut;
    if (attempt < (timedOut ? MAX_TIMED_OUT_ATTEMPTS : MAX_ATTEMPTS))
      throw new RetryableError('the picture could not be rendered', {
        cause: failure,
        afterMs: RETRY_AFTER_MS,
      });
    log.warn({ err: failure }, 'rendering failed permanently; rejecting the picture');
    if (timedOut) return { rejected: 'picture.takes-too-long' };
    return { rejected: failure instanceof BytesMissing ? 'file.bytes-missing' : 'picture.not-rendered' };
  }
}

/** Rejections that are no fault of the picture: operators have to see them. */
const FAULTS = new Set(['file.bytes-missing', 'picture.not-rendered']);

/** @throws PermanentError for a fault of ours, once the rejection is recorded */
async function reject(
  deps: MediaWorkerDeps,
  { media_id, version }: Picture,
  code: string,
  { log }: MessageContext,
): Promise<void> {
  await deps.media.rejectPicture({ id: media_id, version, code }, { deadlineMs: RECORD_TIMEOUT_MS });
  if (FAULTS.has(code)) throw new PermanentError(`the picture was rejected: ${code}`);
  log.info({ media_id, version, code }, 'picture rejected');
}

async function complete(
  deps: MediaWorkerDeps,
  { media_id, version }: Picture,
  { sizes, thumbhash, copied: _, ...rendered }: Rendered,
  { log }: MessageContext,
): Promise<void> {
  const stored = await Promise.all(sizes.map((size) => store(deps.storage, size)));
  const { recorded } = await deps.media.completeProcessing(
    { id: media_id, version, ...rendered, thumbhash: Buffer.from(thumbhash, 'base64'), sizes: stored },
    { deadlineMs: RECORD_TIMEOUT_MS },
  );
  log.info(
    { media_id, version, recorded },
    recorded ? 'picture rendered' : 'not recorded: a repeat, or the file was deleted',
  );
}

async function store(storage: FileStorage, { path, ...size }: Rendered['sizes'][number]) {
  return { ...size, ...(await keep(storage, path, MAX_SIZE_BYTES)) };
}

async function keep(storage: FileStorage, path: string, maximumBytes: number) {
  const received = await storage.receive(Bun.file(path).stream(), { maximumBytes });
  try {
    await received.keep();
    return { checksum: received.sha256, size: received.size };
  } finally {
    await received.discard();
  }
}
