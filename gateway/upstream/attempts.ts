import type { ClientSide } from '../downstream/client-stream';
import { requestHeadText } from '../downstream/response-head';
import type { Attempt, NotRetried, RoutedTry, TryResult } from '../model/attempt';
import type { Forward } from '../model/decision';
import type { RequestContext } from '../model/request-context';
import type { Plane } from '../proxy/data-plane';
import { budgetNow, withTry } from './attempt-history';
import { createReplay, type Replay } from './replay-buffer';
import { startTry, type TryEvents, type UpstreamTry } from './upstream-request';

const NONE_TRIED: ReadonlySet<string> = new Set();

/**
 * Where one request is sent: to one instance, to another when that fails it, to a second one beside it when it is
 * hedged. What is sent in addition is within the service's retry budget. A class, as the exchange it belongs to.
 */
export class Tries {
  /** The one whose answer is awaited or relayed; null before the first. */
  current: UpstreamTry | null = null;
  retries = 0;
  /** All of them, when there is more than one. */
  told: RoutedTry[] | null = null;
  /** Why there was no further one, where one was wanted. */
  notRetried: NotRetried | null = null;
  /** Of the last one, or of the one whose answer is relayed. */
  attempt: Attempt | null = null;
  /** Null for a request without a body: it can always be sent again. */
  private readonly replay: Replay | null;
  /** Sent while the current one was still running. */
  private beside: UpstreamTry | null = null;
  private hedging: Timer | null = null;
  private tried: Set<string> | null = null;
  private holdsPlace = false;
  private whole = false;

  constructor(
    private readonly events: TryEvents,
    private readonly client: ClientSide,
    private readonly context: RequestContext,
    private readonly decision: Forward,
    private readonly plane: Plane,
    private readonly repeatable: boolean,
  ) {
    const { framing } = context.request;
    this.replay = framing.kind === 'none' ? null : createReplay(plane.limits.retryBodyBytes);
  }

  /** Sends the request to a first instance. False when nobody can be asked. */
  begin(): boolean {
    const attempt = this.decision.pick(NONE_TRIED, this.repeatable);
    return attempt !== null && (this.goOnWith(attempt, false) || this.another('unreachable', 0));
  }

  /**
   * Leaves the current try for another instance. False when there is none, or it must not be.
   *
   * @param status what the try that is left was answered with; 0 without an answer
   */
  another(result: TryResult, status: number): boolean {
    if (this.replay?.possible === false) return false;
    const next = this.pickFurther('retry', result, status);
    if (next === null) return false;
    this.leave(result);
    this.retries++;
    return this.goOnWith(next, false) || this.another('unreachable', 0);
  }

  /** Sends it to the same instance again, by a connection nobody has used: the one before had just been closed. */
  afresh(stale: UpstreamTry): boolean {
    if (this.replay?.possible === false || !this.repeatable) return false;
    if (stale === this.current) return this.goOnWith(stale.attempt, true);
    this.beside = this.send(stale.attempt, true);
    return this.beside?.flush() !== undefined;
  }

  /** Asks a second instance as well when no answer has begun after `ms`. For requests without a body. */
  hedgeAfter(ms: number): void {
    if (this.repeatable && this.replay === null) this.hedging = setTimeout(() => this.hedge(), ms);
  }

  /** Goes on without a try that failed, where another one is running. False when it was the only one. */
  dropOne(failed: UpstreamTry, result: TryResult): boolean {
    const other = failed === this.beside ? this.current : this.beside;
    if (other === null) return false;
    finish(failed, result);
    this.tried?.add(failed.attempt.instanceId);
    this.goOnAlone(other);
    return true;
  }

  /** This one's answer is relayed: no other one is asked any more. */
  choose(answering: UpstreamTry): void {
    this.stopHedging();
    this.replay?.forget();
    const slower = answering === this.beside ? this.current : this.beside;
    if (slower === null) return;
    finish(slower, 'abandoned');
    this.goOnAlone(answering);
  }

  content(bytes: Buffer, start: number, end: number): void {
    this.replay?.keep(bytes, start, end);
    this.current?.send(bytes, start, end);
  }

  /** False when the instance takes the body slower than it comes. */
  flush(): boolean {
    return this.current?.flush() !== false;
  }

  bodyEnd(): void {
    this.whole = true;
    this.replay?.end();
    this.current?.end();
    this.current?.flush();
  }

  /** All of it is over. */
  end(result: TryResult): void {
    this.stopHedging();
    this.leave(result);
    if (this.holdsPlace) this.decision.retryBudget.end();
    this.holdsPlace = false;
  }

  private hedge(): void {
    if (this.beside !== null || this.current === null) return;
    const next = this.pickFurther('hedge', 'abandoned', 0);
    if (next === null) return;
    this.retries++;
    this.beside = this.send(next, false);
    this.beside?.flush();
  }

  private stopHedging(): void {
    if (this.hedging !== null) clearTimeout(this.hedging);
    this.hedging = null;
  }

  private goOnAlone(remaining: UpstreamTry): void {
    this.current = remaining;
    this.beside = null;
    this.attempt = remaining.attempt;
  }

  private leave(result: TryResult): void {
    const { current, beside } = this;
    if (current !== null) finish(current, result);
    // Too slow is what both were.
    if (beside !== null) finish(beside, result === 'timeout' ? result : 'abandoned');
    this.current = null;
    this.beside = null;
  }

  private pickFurther(kind: 'retry' | 'hedge', result: TryResult, status: number): Attempt | null {
    const { retryBudget, pick } = this.decision;
    const heldPlace = this.holdsPlace;
    // What reached nobody was no load for anybody, and each instance is tried once.
    const isFree = result === 'unreachable';
    if (!isFree && !retryBudget.take(heldPlace)) return this.refuseFurther(kind, 'retry-budget');
    this.tried ??= new Set();
    if (this.attempt !== null) this.tried.add(this.attempt.instanceId);
    const next = pick(this.tried, this.repeatable);
    if (next === null) {
      if (!isFree) retryBudget.giveBack(heldPlace);
      return this.refuseFurther(kind, 'no-other-instance');
    }
    this.holdsPlace ||= !isFree;
    const budget = isFree ? null : budgetNow(retryBudget);
    if (this.attempt !== null) this.told = withTry(this.told, kind, this.attempt, status, next, budget);
    return next;
  }

  /** Sends the head, and what has come of the body behind it. */
  private goOnWith(attempt: Attempt, fresh: boolean): boolean {
    const sent = this.send(attempt, fresh);
    this.current = sent;
    if (sent === null) return false;
    // The first time the head goes out together with what came in the same packet, at `flush` or `bodyEnd`.
    const flushed = this.replay?.into(sent) ?? (!this.whole || sent.flush());
    if (flushed) this.client.resume();
    else this.client.pause();
    return true;
  }

  private refuseFurther(kind: 'retry' | 'hedge', reason: NotRetried['reason']): null {
    // Without a hedge a request goes on as it is.
    if (kind === 'retry') this.notRetried = { reason, budget: budgetNow(this.decision.retryBudget) };
    return null;
  }

  /** Null when the instance has no connection to spare. */
  private send(attempt: Attempt, fresh: boolean): UpstreamTry | null {
    const { head, framing } = this.context.request;
    this.attempt = attempt;
    const headText = requestHeadText(this.context, this.decision.target, attempt);
    const request = { method: head.method, headText, framing };
    const sent = startTry(attempt, request, this.events, this.plane.pool, fresh);
    if (sent === null) attempt.done('unreachable', 0);
    return sent;
  }
}

/** Breaks it off where it has not ended. */
function finish(ending: UpstreamTry, result: TryResult): void {
  const { attempt } = ending;
  // Of one that answered, the head has told it.
  attempt.done(result, attempt.latencyMs > 0 ? attempt.latencyMs : performance.now() - attempt.startedMs);
  ending.abandon();
}
