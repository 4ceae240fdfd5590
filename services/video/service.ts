import { sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import { type Page, readPageQuery, toPage } from '#kit/http/pagination';
import { type Catalogue, matches } from './catalogue';
import {
  type Failures,
  type Found,
  type Lookup,
  ToldToFail,
  type Video,
  VideoNotFound,
  type VideoQuery,
} from './model';

export interface VideoDeps {
  readonly runtime: Runtime;
  readonly catalogue: Catalogue;
  /** How slow and unreliable answers are made, for those who try what depends on them. */
  failures: Failures;
}

export async function listVideos(deps: VideoDeps, query: VideoQuery): Promise<Page<Video>> {
  await misbehave(deps);
  const { limit, after } = readPageQuery<[id: string]>(query, 1);
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

export async function readVideo(deps: VideoDeps, id: string): Promise<Video> {
  await misbehave(deps);
  const video = deps.catalogue.find(id);
  if (video === undefined) throw new VideoNotFound();
  return video;
}

export async function lookupVideos(deps: VideoDeps, { ids }: Lookup, signal?: AbortSignal): Promise<Found> {
  await misbehave(deps, signal);
  const wanted = [...new Set(ids)];
  return {
    items: wanted.flatMap((id) => deps.catalogue.find(id) ?? []),
    unknown_ids: wanted.filter((id) => deps.catalogue.find(id) === undefined),
  };
}

export function setFailures(deps: VideoDeps, failures: Failures): Failures {
  deps.failures = failures;
  deps.runtime.log.warn({ ...failures }, 'told how slow and unreliable to be');
  return failures;
}

async function misbehave(deps: VideoDeps, signal?: AbortSignal): Promise<void> {
  const { latency_ms, error_percent } = deps.failures;
  if (latency_ms > 0) await sleep(latency_ms, signal);
  if (Math.random() * 100 < error_percent) throw new ToldToFail();
}
