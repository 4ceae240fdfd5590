import type { VideoServiceDefinition } from '#contracts/gen/video/v1/video';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import { UnknownVideo, VideosUnavailable } from './model';

/** Whether ids name videos. */
export interface Videos {
  /**
   * @throws UnknownVideo when one of them does not
   * @throws VideosUnavailable when it could not be told in time
   */
  mustExist(ids: readonly string[]): Promise<void>;
}

/** A video that is gone is taken for one for so long at most. */
const KNOWN_MS = 60_000;
const KNOWN_IDS = 10_000;

/**
 * Asks the video service about all ids in one call, and remembers for a minute which there are; never which there are
 * not, because they may be uploaded the next moment.
 *
 * @param deadlineMs the whole call may take, retries included
 */
export function videosOf(
  client: Pick<GrpcClient<VideoServiceDefinition>, 'lookupVideos'>,
  deadlineMs: number,
  now: () => number = Date.now,
): Videos {
  /** In the order of their ends, because all are known for the same time. */
  const known = new Map<string, number>();

  function remember(id: string) {
    known.delete(id);
    known.set(id, now() + KNOWN_MS);
    const [oldest] = known.keys();
    if (known.size > KNOWN_IDS && oldest !== undefined) known.delete(oldest);
  }

  return {
    async mustExist(ids) {
      const asked = ids.filter((id) => (known.get(id) ?? 0) <= now());
      if (asked.length === 0) return;
      const found = await lookUp(client, asked, deadlineMs);
      for (const id of found) remember(id);
      const errors = ids.flatMap((id, index) =>
        asked.includes(id) && !found.has(id)
          ? [
              {
                field: ids.length === 1 ? 'video_id' : `video_ids.${index}`,
                message: 'There is no such video',
              },
            ]
          : [],
      );
      if (errors.length > 0) throw new UnknownVideo({ errors });
    },
  };
}

async function lookUp(
  client: Pick<GrpcClient<VideoServiceDefinition>, 'lookupVideos'>,
  ids: string[],
  deadlineMs: number,
): Promise<ReadonlySet<string>> {
  try {
    const { videos } = await client.lookupVideos({ ids }, { deadlineMs });
    return new Set(videos.map((video) => video.id));
  } catch (failure) {
    if (failure instanceof Problem && failure.status >= 500)
      throw new VideosUnavailable({ headers: { 'retry-after': '1' }, cause: failure });
    throw failure;
  }
}
