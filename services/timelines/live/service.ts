import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import type { ShareLimits } from '#kit/http/shares/shares';
import { createEventStreams, type StreamBatch, type StreamRequest } from '#kit/http/streams/event-streams';
import type { TimelinesDeps } from '../deps';
import { requireOwner } from '../lists/owner';
import { openViewer } from '../people/viewer';
import { findVisible } from '../posts/find';
import { renderPosts } from '../posts/render';
import { isInHomeTimeline, isVisible, type PostFilter } from '../posts/visibility';
import { listEntries, readHead } from './store';

/** While it has open streams an instance polls the head: one query for all of them, and no message that could be lost. */
const POLL_MS = 200;
const BATCH_ENTRIES = 100;
/** A reader that has missed more is sent `reload` instead. */
const MAX_MISSED = 1_000;

export type LiveTimelines = ReturnType<typeof createLiveTimelines>;

/** Timelines as streams of server-sent events: `post` with a post as data, and `reload` when too much was missed. */
export function createLiveTimelines(deps: TimelinesDeps, limits: ShareLimits) {
  const streams = createEventStreams(deps.runtime, limits);
  let head = 0;
  let anonymous: { key: string; batch: Promise<StreamBatch> } | undefined;

  repeatEvery(
    deps.runtime,
    'polling for posts to stream',
    { everyMs: POLL_MS, firstRun: 'later' },
    async () => {
      if (streams.count() === 0) return;
      const found = await readHead(deps.database);
      if (found === head) return;
      head = found;
      streams.wake();
    },
  );

  const isPublic = (viewerId: string | null): PostFilter => {
    return (post) => post.visibility === 'public' && isVisible(post, viewerId);
  };

  /** All anonymous readers see the same posts, so one batch is read for all of them. */
  function readAnonymous(position: string | null): Promise<StreamBatch> {
    const key = `${position} ${head}`;
    if (position !== null && anonymous?.key === key) return anonymous.batch;
    const batch = readBatch(deps, null, position, isPublic(null));
    anonymous = { key, batch };
    batch.catch(() => {
      anonymous = undefined;
    });
    return batch;
  }

  return {
    openPublic(caller: Caller | null, request: StreamRequest): Response {
      if (caller === null) return streams.open({ ...request, topic: 'public', read: readAnonymous });
      const filter = isPublic(caller.id);
      const read = (position: string | null) => readBatch(deps, caller.id, position, filter);
      return streams.open({ ...request, topic: 'public', read });
    },
    openHome(caller: Caller, username: string, request: StreamRequest): Response {
      requireOwner(caller, username);
      const filter: PostFilter = (post) => isInHomeTimeline(post, caller.id);
      const read = (position: string | null) => readBatch(deps, caller.id, position, filter);
      return streams.open({ ...request, topic: 'home', read });
    },
    drain: streams.drain,
  };
}

async function readBatch(
  deps: TimelinesDeps,
  viewerId: string | null,
  position: string | null,
  filter: PostFilter,
): Promise<StreamBatch> {
  const head = await readHead(deps.database);
  const atHead = { position: String(head), more: false };
  if (position === null) return { ...atHead, events: [] };
  const after = /^\d{1,15}$/.test(position) ? Number(position) : Number.POSITIVE_INFINITY;
  // A position beyond the head was not assigned by this database.
  if (after > head || head - after > MAX_MISSED)
    return { ...atHead, events: [{ id: String(head), name: 'reload', data: {} }] };
  const entries = await listEntries(deps.database, after, BATCH_ENTRIES);
  const positions = new Map(entries.map((entry) => [entry.postId, String(entry.position)]));
  const viewer = await openViewer(deps, viewerId);
  const visible = await findVisible(deps, viewer, [...positions.keys()], filter);
  const posts = visible.filter((post) => post !== undefined);
  const texts = await renderPosts(deps, viewer, posts);
  return {
    events: posts.map(({ post }, index) => ({
      id: positions.get(post.id) ?? position,
      name: 'post',
      data: JSON.parse(texts[index] ?? 'null'),
    })),
    position: String(entries.at(-1)?.position ?? after),
    more: entries.length === BATCH_ENTRIES,
  };
}
