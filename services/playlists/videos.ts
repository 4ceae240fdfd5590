import { LRUCache } from 'lru-cache';
import type { VideoServiceDefinition } from '#contracts/gen/video/v1/video';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import type { Videos } from './deps';
import { UnknownVideo, VideosUnavailable } from './model';

type VideoClient = Pick<GrpcClient<VideoServiceDefinition>, 'lookupVideos'>;

/** How long a deleted video may still be added to playlists. */
const CACHE_TTL_MS = 60_000;
const CACHE_MAX_IDS = 10_000;

/**
 * Looks up ids at the video service, all in one call. Existing ids are cached; missing ones are not, because a video may
 * be uploaded at any moment.
 *
 * @param deadlineMs of the whole call, including retries
 */
export function cachedVideos(client: VideoClient, deadlineMs: number, now: () => number = Date.now): Videos {
  const existing = new LRUCache<string, true>({
    max: CACHE_MAX_IDS,
    ttl: CACHE_TTL_MS,
    ttlResolution: 0,
    perf: { now },
  });

  return {
    async requireAll(ids) {
      const uncached = ids.filter((id) => !existing.has(id));
      if (uncached.length === 0) return;
      const found = await lookUp(client, uncached, deadlineMs);
      for (const id of found) existing.set(id, true);
      const errors = ids.flatMap((id, index) =>
        uncached.includes(id) && !found.has(id)
          ? [
              {
                field: ids.length === 1 ? 'video_id' : `video_ids.${index}`,
                message: 'Video not found',
              },
            ]
          : [],
      );
      if (errors.length > 0) throw new UnknownVideo({ errors });
    },
  };
}

async function lookUp(client: VideoClient, ids: string[], deadlineMs: number): Promise<ReadonlySet<string>> {
  try {
    const { videos } = await client.lookupVideos({ ids }, { deadlineMs });
    return new Set(videos.map((video) => video.id));
  } catch (failure) {
    if (failure instanceof Problem && failure.status >= 500)
      throw new VideosUnavailable({ headers: { 'retry-after': '1' }, cause: failure });
    throw failure;
  }
}
