import { TypeCompiler } from '@sinclair/typebox/compiler';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { ServiceChange, ServicesSnapshot, WatcherAnnouncement } from '#contracts/registry';
import { backOffMs, sleep } from '../core/back-off';
import type { Logger } from '../core/log';
import type { OwnWatcher } from './drains';

/** The registry comments at least every 8 s: a stream silent for longer is dead. */
const SILENCE_MS = 12_000;
/** The first event comes at once, unless something on the way holds streams back. */
const FIRST_EVENT_MS = 5_000;
const POLL_WAIT_SECONDS = 25;
const POLL_TIMEOUT_MS = 30_000;
/** Before the first answer: a registry that stands still is left for the next one. */
const FIRST_POLL_TIMEOUT_MS = 5_000;
/** While streams do not work, they are tried again this often. */
const STREAM_RETRY_MS = 60_000;

/** What following a registry reads and moves. */
export interface Follower {
  readonly log: Logger;
  readonly signal: AbortSignal;
  position(): { readonly epoch: string; readonly revision: number };
  /** Notes that the registry answers: what is known is what it knows. */
  heard(): void;
  heardSince(ms: number): boolean;
  replace(snapshot: ServicesSnapshot): void;
  apply(change: ServiceChange): void;
  /** Where drains are acknowledged: with which REGISTRY_TOKEN, and who hears of each stream and its end. */
  readonly acknowledging?: {
    readonly token: string | undefined;
    watching(watcher: OwnWatcher | undefined): void;
  };
}

/**
 * Follows whichever registry answers until the signal aborts: any of them first, so that many clients spread, and the
 * next one as soon as one is lost. Never throws.
 */
export async function followRegistry(urls: readonly string[], follower: Follower): Promise<void> {
  let failures = 0;
  for (let turn = Math.floor(Math.random() * urls.length); !follower.signal.aborted; turn++) {
    const url = urls[turn % urls.length] ?? '';
    const startedMs = performance.now();
    const failure = await watchOrPoll(url, follower).then(
      () => new Error('The registry ended its stream'),
      (reason: unknown) => reason,
    );
    if (follower.signal.aborted) return;
    if (follower.heardSince(startedMs)) failures = 0;
    // One warning for each time it goes away, not one for each attempt.
    if (failures === 0)
      follower.log.warn({ err: failure, url }, 'lost the registry: going on with the last view');
    failures++;
    // The first round through all of them is a quick one; its jitter spreads those that have lost the same registry.
    const round = Math.ceil(failures / urls.length);
    await sleep(backOffMs(round, { baseMs: 200, capMs: 5_000 }), follower.signal);
  }
}

async function watchOrPoll(url: string, follower: Follower): Promise<void> {
  const startedMs = performance.now();
  try {
    await watch(url, follower);
  } catch (failure) {
    if (follower.signal.aborted || follower.heardSince(startedMs)) throw failure;
    await poll(url, follower);
  }
}

/** Follows one registry's stream until it ends. */
async function watch(url: string, follower: Follower): Promise<void> {
  const silence = createWatchdog(follower.signal);
  const parser = createParser({ onEvent: (event) => take(event, url, follower), onComment: follower.heard });
  const decoder = new TextDecoder();
  const { epoch, revision } = follower.position();
  try {
    silence.within(FIRST_EVENT_MS);
    const { acknowledging } = follower;
    const response = await fetch(new URL(acknowledging ? '/watch?acknowledges=true' : '/watch', url), {
      headers: {
        accept: 'text/event-stream',
        ...(acknowledging?.token !== undefined && { authorization: `Bearer ${acknowledging.token}` }),
        ...(epoch !== '' && { 'last-event-id': `${epoch}:${revision}` }),
      },
      signal: silence.signal,
    });
    if (response.status === 401) follower.log.error('set REGISTRY_TOKEN to the token of the registry');
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
    if (!response.ok || !response.body || !isStream)
      throw new Error(`The registry answered /watch with ${response.status} and no event stream`);
    for await (const chunk of response.body) {
      silence.within(SILENCE_MS);
      parser.feed(decoder.decode(chunk, { stream: true }));
    }
  } finally {
    silence.stop();
    follower.acknowledging?.watching(undefined);
  }
}

function take(event: EventSourceMessage, url: string, follower: Follower): void {
  const data: unknown = JSON.parse(event.data);
  if (event.event === 'snapshot') follower.replace(mustBe(isSnapshot, data));
  else if (event.event === 'change') follower.apply(mustBe(isChange, data));
  else if (event.event === 'watcher')
    follower.acknowledging?.watching({ url, token: mustBe(isAnnouncement, data).token });
  follower.heard();
}

/** Asks again and again, each time held until something changes, until it is time to try the stream. */
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
    });
    if (!response.ok) throw new Error(`The registry answered /services with ${response.status}`);
    follower.replace(mustBe(isSnapshot, await response.json()));
    follower.heard();
    isFirst = false;
  }
}

const isSnapshot = TypeCompiler.Compile(ServicesSnapshot);
const isChange = TypeCompiler.Compile(ServiceChange);
const isAnnouncement = TypeCompiler.Compile(WatcherAnnouncement);

function mustBe<Value>(check: { Check(value: unknown): value is Value }, value: unknown): Value {
  if (!check.Check(value)) throw new Error('The registry sent something that is not of its contract');
  return value;
}

/** Aborts its signal when `within` was not called again in time, or when the outer signal aborts. */
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
