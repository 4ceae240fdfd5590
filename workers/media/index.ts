import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PictureUploaded } from '#contracts/events/media';
import type { MediaServiceDefinition } from '#contracts/gen/media/v1/media';
import type { MessageOf } from '#contracts/messages';
import type { GrpcClient } from '#kit/grpc/client';
import { type MessageContext, PermanentError, RetryableError } from '#kit/messaging/delivery';
import { BytesMissing, type FileStorage } from '#kit/storage/file-storage';
import type { EventWorker } from '#kit/worker';
import { type Rendered, type Rendering, RenderingTimedOut } from './rendering';

export interface MediaWorkerDeps {
  readonly storage: FileStorage;
  readonly media: Pick<GrpcClient<MediaServiceDefinition>, 'completeProcessing' | 'rejectPicture'>;
  readonly render: (picture: { path: string; type: string; folder: string }) => Promise<Rendering>;
  /** Where pictures lie while they are worked on. */
  readonly folder: string;
}

type Picture = MessageOf<typeof PictureUploaded>['data'];

/** Each may need 200 MB and a core while it is decoded. */
const CONCURRENCY = 2;
/** What is not the picture's own fault is tried so often. */
const ATTEMPTS = 5;
/** Once more, in case that only the machine was busy: a bomb costs twice five seconds. */
const TIMED_OUT_ATTEMPTS = 2;
const RETRY_MS = 5_000;
const SIZE_BYTES = 50 * 1024 * 1024;
const RECORD_MS = 10_000;

/**
 * Makes the sizes of pictures. Doing it again makes the same bytes under the same names, and is recorded once. What
 * cannot be a picture is recorded as rejected with a code and parked with it.
 */
export const mediaWorker = (deps: MediaWorkerDeps): EventWorker<typeof PictureUploaded> => ({
  source: { consumer: 'media', events: [PictureUploaded] },
  concurrency: CONCURRENCY,
  async handle({ data }, context) {
    await mkdir(deps.folder, { recursive: true });
    const folder = await mkdtemp(join(deps.folder, 'picture-'));
    try {
      const rendering = await renderOrReason(deps, data, folder, context);
      if ('rejected' in rendering) await reject(deps, data, rendering.rejected);
      else await complete(deps, data, rendering, context);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

/** What is tried again is thrown; what will not work at another time either comes back as a reason. */
async function renderOrReason(
  deps: MediaWorkerDeps,
  { sha256, type }: Picture,
  folder: string,
  { attempt, log }: MessageContext,
): Promise<Rendering> {
  const path = join(folder, 'original');
  try {
    await Bun.write(path, new Response(await deps.storage.read(sha256)));
    return await deps.render({ path, type, folder });
  } catch (failure) {
    const timedOut = failure instanceof RenderingTimedOut;
    if (attempt < (timedOut ? TIMED_OUT_ATTEMPTS : ATTEMPTS))
      throw new RetryableError('the picture could not be rendered', { cause: failure, afterMs: RETRY_MS });
    log.warn({ err: failure }, 'given up on a picture');
    if (timedOut) return { rejected: 'picture.takes-too-long' };
    return { rejected: failure instanceof BytesMissing ? 'file.bytes-missing' : 'picture.not-rendered' };
  }
}

async function reject(deps: MediaWorkerDeps, { media_id, version }: Picture, code: string): Promise<never> {
  await deps.media.rejectPicture({ id: media_id, version, code }, { deadlineMs: RECORD_MS });
  throw new PermanentError(`the picture was rejected: ${code}`);
}

async function complete(
  deps: MediaWorkerDeps,
  { media_id, version }: Picture,
  { sizes, thumbhash, ...rendered }: Rendered,
  { log }: MessageContext,
): Promise<void> {
  const stored = await Promise.all(sizes.map((size) => store(deps.storage, size)));
  const { recorded } = await deps.media.completeProcessing(
    { id: media_id, version, ...rendered, thumbhash: Buffer.from(thumbhash, 'base64'), sizes: stored },
    { deadlineMs: RECORD_MS },
  );
  log.info({ media_id, version, recorded }, recorded ? 'made its sizes' : 'a repeat, or the file is gone');
}

async function store(storage: FileStorage, { path, ...size }: Rendered['sizes'][number]) {
  const received = await storage.receive(Bun.file(path).stream(), { maximumBytes: SIZE_BYTES });
  try {
    await received.keep();
    return { ...size, checksum: received.sha256, size: received.size };
  } finally {
    await received.discard();
  }
}
