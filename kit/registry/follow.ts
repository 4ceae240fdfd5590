import { TypeCompiler } from '@sinclair/typebox/compiler';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ServiceChange, ServicesSnapshot, WatcherAnnouncement } from '#contracts/registry';
import { backOffMs, sleep } from '../core/back-off';
import type { InternalTls } from '../core/internal-tls';
import type { Logger } from '../core/log';
import { mediaTypeOf } from '../text/media-type';
import { registryTls } from './call';
import type { WatcherSession } from './drains';

/** The registry sends a comment at least every 8 s: a stream that is silent for longer is dead. */
const SILENCE_MS = 12_000;
/** The first event is sent immediately; a proxy that buffers streams delays it. */
const FIRST_EVENT_MS = 5_000;
const POLL_WAIT_SECONDS = 25;
const POLL_TIMEOUT_MS = 30_000;
/** The first poll returns immediately: a registry that hangs is left for the next one. */
const FIRST_POLL_TIMEOUT_MS = 5_000;
/** While polling, the stream is retried this often. */
const STREAM_RETRY_MS = 60_000;

/** The state that following a registry reads and updates. */
export interface Follower {
  readonly log: Logger;
  /** Verifies the certificate of a registry whose URL begins with `https`. */
  readonly internalTls: InternalTls | null;
  readonly signal: AbortSignal;
  position(): { readonly epoch: string; readonly revision: number };
  /** The registry has responded: the view is up to date. */
  onConfirmed(): void;
  /** @param ms monotonic milliseconds */
  confirmedSince(ms: number): boolean;
  replace(snapshot: ServicesSnapshot): void;
  apply(change: ServiceChange): void;
  /** Set where drains are acknowledged: the credential for that, and a listener for each session and its end. */
  readonly acknowledging?: {
    readonly credential: string | undefined;
    onSession(session: WatcherSession | undefined): void;
  };
}

/**
 * Follows one of the registry replicas until the signal aborts: a random one first, to spread the clients, and the next
 * one as soon as one is lost. Never throws.
 */
export async function followRegistry(urls: readonly string[], follower: Follower): Promise<void> {
  let failures = 0;
  for (let turn = Math.floor(Math.random() * urls.length); !follower.signal.aborted; turn++) {
    const url = urls[turn % urls.length] ?? '';
    const startedMs = performance.now();
    const failure = await watchOrPoll(url, follower).then(
      () => new Error('The registry closed the stream'),
      (reason: unknown) => reason,
    );
    if (follower.signal.aborted) return;
    if (follower.confirmedSince(startedMs)) failures = 0;
    // One warning per outage, not per attempt.
    if (failures === 0)
      follower.log.warn({ err: failure, url }, 'The registry is unavailable; using the last view');
    failures++;
    // The first round through all replicas is fast; its jitter spreads the clients that have lost the same replica.
    const round = Math.ceil(failures / urls.length);
    await sleep(backOffMs(round, { baseMs: 200, capMs: 5_000 }), follower.signal);
  }
}

async function watchOrPoll(url: string, follower: Follower): Promise<void> {
  const startedMs = performance.now();
  try {
    await watch(url, follower);
  } catch (failure) {
    if (follower.signal.aborted || follower.confirmedSince(startedMs)) throw failure;
    await poll(url, follower);
  }
}

/** Follows the stream of one replica until it ends. */
async function watch(url: string, follower: Follower): Promise<void> {
  const silence = createWatchdog(follower.signal);
  const parser = createParser({
    onEvent: (event) => handleEvent(event, url, follower),
    onComment: follower.onConfirmed,
  });
  const decoder = new TextDecoder();
  const { epoch, revision } = follower.position();
  try {
    silence.within(FIRST_EVENT_MS);
    const { acknowledging } = follower;
    const response = await fetch(new URL(acknowledging ? '/watch?acknowledges=true' : '/watch', url), {
      headers: {
        accept: 'text/event-stream',
        ...(acknowledging?.credential !== undefined && {
          authorization: `Bearer ${acknowledging.credential}`,
        }),
        ...(epoch !== '' && { 'last-event-id': `${epoch}:${revision}` }),
      },
      signal: silence.signal,
      ...registryTls(follower.internalTls),
    });
    if (response.status === 401)
      follower.log.error(
        'The registry rejected REGISTRY_CREDENTIAL, or the credential derived from REGISTRY_TOKEN',
      );
    const isStream = mediaTypeOf(response.headers.get('content-type')) === 'text/event-stream';
    if (!response.ok || !response.body || !isStream)
      throw new Error(`The registry responded to /watch with ${response.status} and no event stream`);
    for await (const chunk of response.body) {
      silence.within(SILENCE_MS);
      parser.feed(decoder.decode(chunk, { stream: true }));
    }
  } finally {
    silence.stop();
    follower.acknowledging?.onSession(undefined);
  }
}

function handleEvent(event: EventSourceMessage, url: string, follower: Follower): void {
  const data: unknown = JSON.parse(event.data);
  if (event.event === 'snapshot') follower.replace(parse(snapshots, data));
  else if (event.event === 'change') follower.apply(parse(changes, data));
  else if (event.event === 'watcher')
    follower.acknowledging?.onSession({ url, token: parse(announcements, data).token });
  follower.onConfirmed();
}

/** Long polling, until it is time to retry the stream. */
async function poll(url: string, follower: Follower): Promise<void> {
  const untilMs = performance.now() + STREAM_RETRY_MS;
  let isFirst = true;
  while (performance.now() < untilMs) {
    const { epoch, revision } = follower.position();
    const address = new URL('/services', url);
    if (!isFirst) address.search = `index=${revision}&epoch=${epoch}&wait=${POLL_WAIT_SECONDS}s`;
    const response = await fetch(address, {
      signal: AbortSignal.any([
        follower.signal,
        AbortSignal.timeout(isFirst ? FIRST_POLL_TIMEOUT_MS : POLL_TIMEOUT_MS),
      ]),
      ...registryTls(follower.internalTls),
    });
    if (!response.ok) throw new Error(`The registry responded to /services with ${response.status}`);
    follower.replace(parse(snapshots, await response.json()));
    follower.onConfirmed();
    isFirst = false;
  }
}

const snapshots = TypeCompiler.Compile(ServicesSnapshot);
const changes = TypeCompiler.Compile(ServiceChange);
const announcements = TypeCompiler.Compile(WatcherAnnouncement);

function parse<Value>(schema: { Check(value: unknown): value is Value }, value: unknown): Value {
  if (!schema.Check(value)) throw new Error('The registry sent data that does not match the schema');
  return value;
}

/** Aborts its signal unless `within` is called again in time, or when the outer signal aborts. */
function createWatchdog(outer: AbortSignal) {
  const own = new AbortController();
  let timer: Timer | undefined;
  return {
    signal: AbortSignal.any([outer, own.signal]),
    within(ms: number) {
      clearTimeout(timer);
      timer = setTimeout(() => own.abort(new Error(`The registry was silent for ${ms} ms`)), ms);
    },
    stop: () => clearTimeout(timer),
  };
}
