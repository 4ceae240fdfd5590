import { sleep } from '#kit/core/back-off';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { matches } from './catalogue';
import type { VideoDeps } from './deps';
import {
  type Failures,
  type Lookup,
  type LookupResult,
  SimulatedFailure,
  type Video,
  VideoNotFound,
  type VideoQuery,
} from './model';

/** What answering a request needs. */
type CatalogueDeps = Pick<VideoDeps, 'catalogue' | 'failures'>;

export async function listVideos(deps: CatalogueDeps, query: VideoQuery): Promise<Page<Video>> {
  await simulateFailures(deps);
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const before = after?.[0];
  const words = query.query?.trim() ?? '';
  const videos = deps.catalogue.videos.filter(
    (video) => (before === undefined || video.id < before) && (words === '' || matches(video, words)),
  );
  return toPage(
    videos,
    limit,
    (video) => [video.id],
    (video) => video,
  );
}

export async function readVideo(deps: CatalogueDeps, id: string): Promise<Video> {
  await simulateFailures(deps);
  const video = deps.catalogue.find(id);
  if (video === undefined) throw new VideoNotFound();
  return video;
}

/** @param signal ends the simulated latency */
export async function lookupVideos(
  deps: CatalogueDeps,
  { ids }: Lookup,
  signal?: AbortSignal,
): Promise<LookupResult> {
  await simulateFailures(deps, signal);
  const unique = [...new Set(ids)];
  return {
    items: unique.flatMap((id) => deps.catalogue.find(id) ?? []),
    unknown_ids: unique.filter((id) => deps.catalogue.find(id) === undefined),
  };
}

export function setFailures(deps: VideoDeps, failures: Failures): Failures {
  deps.failures = failures;
  deps.runtime.log.warn({ ...failures }, 'failure simulation changed');
  return failures;
}

async function simulateFailures({ failures }: CatalogueDeps, signal?: AbortSignal): Promise<void> {
  const { latency_ms, error_percent } = failures;
  if (latency_ms > 0) await sleep(latency_ms, signal);
  if (Math.random() * 100 < error_percent) throw new SimulatedFailure();
}
