import { commentFrame, eventFrame, retryFrame } from '#kit/http/sse';
import { createEventFrames } from './event-frames';
import { TooManyWatchers } from './model';
import type { Table } from './table';

/** Quiet streams are cut after about 10 s by servers and proxies on the way: something is sent sooner than that. */
const COMMENT_MINIMUM_MS = 3_000;
const COMMENT_JITTER_MS = 3_500;
/** A watcher that takes nothing for so long is dropped; it resumes where it was when it comes back. */
const STALLED_MS = 10_000;
/**
 * What telling everybody may take of the network and the processor: 250 MB/s, about a fifth of one core. In a storm of changes watchers are told
 * less often, of each service once: a quiet registry tells every change at once.
 */
const BYTES_PER_MS = 250_000;
const REST_MAXIMUM_MS = 1_000;
const RECONNECT_MS = 1_000;

/** What one watcher is told before anything else, and who hears that its stream has ended. */
export interface Greeting {
  readonly event: string;
  readonly data: object;
  readonly ended: () => void;
}

interface Watcher {
  readonly ended: (() => void) | undefined;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** The revision it has been told; what came after is looked up when it can take more. */
  toldRevision: number;
  commentAtMs: number;
  /** Since when it has not taken what it was owed. */
  stalledAtMs: number | undefined;
}

export type Watchers = ReturnType<typeof createWatchers>;

/**
 * Tells watchers (SSE) and waiters (long poll) of changes. No backlog is kept for anyone: a slow watcher is owed
 * whatever has changed since the revision it was last told, which the table knows.
 *
 * @param now monotonic milliseconds
 */
export function createWatchers(table: Table, options: { now: () => number; maximum: number }) {
  const { now } = options;
  const encoder = new TextEncoder();
  const eventFrames = createEventFrames(table);
  const watchers = new Set<Watcher>();
  const waiters = new Set<() => void>();
  let notifiedRevision = table.revision();
  let restUntilMs = 0;
  let timer: Timer | undefined;

  function open(lastEventId: string | null, greeting?: Greeting): ReadableStream<Uint8Array> {
    makeRoom();
    let watcher: Watcher | undefined;
    return new ReadableStream<Uint8Array>({
      start(controller) {
        const toldRevision = revisionOf(lastEventId, table) ?? -1;
        watcher = {
          controller,
          toldRevision,
          commentAtMs: nextComment(now()),
          stalledAtMs: undefined,
          ended: greeting?.ended,
        };
        watchers.add(watcher);
        controller.enqueue(encoder.encode(retryFrame(RECONNECT_MS)));
        if (greeting) controller.enqueue(encoder.encode(eventFrame(greeting)));
        const frames = eventFrames.owedSince(toldRevision);
        for (const frame of frames) controller.enqueue(frame);
        if (frames.length === 0) controller.enqueue(encoder.encode(commentFrame()));
        watcher.toldRevision = table.revision();
      },
      pull() {
        if (watcher && watcher.toldRevision < table.revision()) tellSoon();
      },
      cancel() {
        if (watcher) forget(watcher);
      },
    });
  }

  /** Resolves when the table has changed, `ms` have passed, or the signal aborts. */
  function changeWithin(ms: number, signal: AbortSignal): Promise<void> {
    makeRoom();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timeout);
        waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timeout = setTimeout(done, ms);
      waiters.add(done);
      signal.addEventListener('abort', done);
    });
  }

  /** To be called after anything that may have changed the table. */
  function notify(): void {
    if (table.revision() !== notifiedRevision) tellSoon();
  }

  function tellSoon() {
    if (timer !== undefined) return;
    const restMs = restUntilMs - now();
    if (restMs <= 0) tellAll();
    else timer = setTimeout(tellAll, restMs);
  }

  function tellAll() {
    timer = undefined;
    notifiedRevision = table.revision();
    // Watchers that stand at the same revision are owed the same.
    const owed = new Map<number, readonly Uint8Array[]>();
    let bytes = 0;
    for (const watcher of watchers) {
      if (watcher.toldRevision === notifiedRevision) continue;
      const frames = owed.get(watcher.toldRevision) ?? eventFrames.owedSince(watcher.toldRevision);
      owed.set(watcher.toldRevision, frames);
      bytes += tell(watcher, frames);
    }
    for (const done of [...waiters]) done();
    restUntilMs = now() + Math.min(bytes / BYTES_PER_MS, REST_MAXIMUM_MS);
  }

  /** Returns how many bytes it took. */
  function tell(watcher: Watcher, frames: readonly Uint8Array[]): number {
    if (!canTake(watcher)) {
      watcher.stalledAtMs ??= now();
      return 0;
    }
    watcher.toldRevision = table.revision();
    watcher.stalledAtMs = undefined;
    return frames.reduce((bytes, frame) => bytes + send(watcher, frame), 0);
  }

  /** Drops the stalled and keeps quiet streams open. To be called at least every second. */
  function tick(): void {
    const time = now();
    const comment = encoder.encode(commentFrame());
    for (const watcher of watchers) {
      if (watcher.stalledAtMs !== undefined && time - watcher.stalledAtMs > STALLED_MS) drop(watcher);
      else if (time >= watcher.commentAtMs && canTake(watcher)) send(watcher, comment);
    }
  }

  function send(watcher: Watcher, frame: Uint8Array): number {
    watcher.commentAtMs = nextComment(now());
    watcher.controller.enqueue(frame);
    return frame.length;
  }

  function drop(watcher: Watcher) {
    forget(watcher);
    watcher.controller.error(new Error('This watcher has not taken what it was sent'));
  }

  function forget(watcher: Watcher) {
    watchers.delete(watcher);
    watcher.ended?.();
  }

  function makeRoom() {
    if (watchers.size + waiters.size >= options.maximum)
      throw new TooManyWatchers({ headers: { 'retry-after': '5' } });
  }

  function close(): void {
    clearTimeout(timer);
    for (const watcher of [...watchers]) {
      watcher.controller.close();
      forget(watcher);
    }
    for (const done of [...waiters]) done();
  }

  return { open, changeWithin, notify, tick, close, count: () => watchers.size + waiters.size };
}

const canTake = ({ controller }: Watcher) => (controller.desiredSize ?? 0) > 0;

const nextComment = (nowMs: number) => nowMs + COMMENT_MINIMUM_MS + Math.random() * COMMENT_JITTER_MS;

/** The revision to resume from, when `<epoch>:<revision>` is of this table. */
function revisionOf(lastEventId: string | null, table: Table): number | undefined {
  const [epoch, revision = ''] = lastEventId?.split(':') ?? [];
  return epoch === table.epoch && /^\d{1,15}$/.test(revision) ? Number(revision) : undefined;
}
