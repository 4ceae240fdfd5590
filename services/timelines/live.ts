import type { Caller } from '#kit/auth/caller';
import { repeatEvery } from '#kit/core/repeat';
import { createEventStreams, type StreamBatch } from '#kit/http/event-streams';
import { mustBeOwner } from './lists';
import { belongsHome, isVisible } from './rules';
import type { TimelinesDeps } from './service';
import { listEntries, readHead } from './stream-store';
import { type Filter, readVisible, viewsOf } from './views';

/**
 * Every instance looks at the head this often while anybody listens: one query for all of its streams, and nothing
 * that could be missed as a message could.
 */
const LOOK_EVERY_MS = 200;
const ENTRIES_PER_BATCH = 100;
/** Whoever has missed more is told to load the timeline anew. */
const MOST_MISSED = 1_000;

export interface StreamRequest {
  readonly lastEventId: string | null;
  /** Asked every few seconds while the stream is open. */
  readonly mayContinue: () => Promise<boolean>;
}

export type LiveTimelines = ReturnType<typeof createLiveTimelines>;

/** Timelines as streams of server-sent events: `post` with a post, and `reload` where too much was missed. */
export function createLiveTimelines(deps: TimelinesDeps, options: { maximumStreams: number }) {
  const streams = createEventStreams(deps.runtime, { maximum: options.maximumStreams });
  let head = 0;
  let shared: { at: string; batch: Promise<StreamBatch> } | undefined;

  repeatEvery(
    deps.runtime,
    'looking for posts to stream',
    { everyMs: LOOK_EVERY_MS, firstRun: 'later' },
    async () => {
      if (streams.count() === 0) return;
      const found = await readHead(deps.database);
      if (found === head) return;
      head = found;
      streams.wake();
    },
  );

  const isPublic = (viewerId: string | null): Filter => {
    return (post) => post.visibility === 'public' && isVisible(post, viewerId);
  };

  /** All who are not signed in see the same, read once for all of them. */
  function readAnonymous(position: string | null): Promise<StreamBatch> {
    const at = `${position} ${head}`;
    if (position !== null && shared?.at === at) return shared.batch;
    const batch = readBatch(deps, null, isPublic(null), position);
    shared = { at, batch };
    batch.catch(() => {
      shared = undefined;
    });
    return batch;
  }

  return {
    openPublic(viewer: Caller | null, request: StreamRequest): Response {
      if (viewer === null) return streams.open({ ...request, topic: 'public', read: readAnonymous });
      const filter = isPublic(viewer.id);
      const read = (position: string | null) => readBatch(deps, viewer.id, filter, position);
      return streams.open({ ...request, topic: 'public', read });
    },
    openHome(caller: Caller, username: string, request: StreamRequest): Response {
      mustBeOwner(caller, username);
      const filter: Filter = (post) => belongsHome(post, caller.id);
      const read = (position: string | null) => readBatch(deps, caller.id, filter, position);
      return streams.open({ ...request, topic: 'home', read });
    },
    drain: streams.drain,
  };
}

async function readBatch(
  deps: TimelinesDeps,
  viewerId: string | null,
  filter: Filter,
  position: string | null,
): Promise<StreamBatch> {
  const head = await readHead(deps.database);
  const atHead = { position: String(head), more: false };
  if (position === null) return { ...atHead, events: [] };
  const after = /^\d{1,15}$/.test(position) ? Number(position) : Number.POSITIVE_INFINITY;
  // A position that was never given here: the database is another one.
  if (after > head || head - after > MOST_MISSED)
    return { ...atHead, events: [{ id: String(head), name: 'reload', data: {} }] };
  const entries = await listEntries(deps.database, after, ENTRIES_PER_BATCH);
  const positions = new Map(entries.map((entry) => [entry.postId, String(entry.position)]));
  const posts = await readVisible(deps, [...positions.keys()], viewerId, filter);
  const views = await viewsOf(deps, posts, viewerId);
  return {
    events: views.map((post) => ({ id: positions.get(post.id) ?? position, name: 'post', data: post })),
    position: String(entries.at(-1)?.position ?? after),
    more: entries.length === ENTRIES_PER_BATCH,
  };
}
