import { cutPrefixOf } from '../downstream/restored-addresses';
import type { Attempt, AttemptHistory, AttemptRecord, AttemptResult, NotRetried } from '../model/attempt';
import { snapshotOf, withAttempt } from './attempt-history';
import type { ForwardExchange } from './forward-exchange';
import { createReplayBuffer, type ReplayBuffer } from './replay-buffer';
import { pushRequestHead } from './request-head';
import { startUpstreamRequest, type UpstreamEvents, type UpstreamRequest } from './upstream-request';

const NONE_TRIED: ReadonlySet<string> = new Set();
const NEW_CONNECTION = -1;
/** A timed-out attempt that finds the retry budget spent continues this long before the next check. */
export const RETRY_CHECK_MS = 200;

/**
 * The attempts of one request: at one instance, at another one when that fails, at a second one in parallel when the
 * request is hedged. Retries and hedges are limited by the service's retry budget. A class, because there is one for
 * every forwarded request.
 */
export class Attempts implements AttemptHistory {
  /** The upstream request whose response is awaited or relayed; null before the first. */
  current: UpstreamRequest | null = null;
  retries = 0;
  records: AttemptRecord[] | null = null;
  notRetried: NotRetried | null = null;
  attempt: Attempt | null = null;
  /** Null for a request without a body: it can always be sent again. */
  private readonly replay: ReplayBuffer | null;
  /** Runs in parallel with the current one. */
  private hedged: UpstreamRequest | null = null;
  private hedgeTimer: Timer | null = null;
  private tried: Set<string> | null = null;
  /** Whether this request counts against the service's retry budget. */
  private isRetrying = false;
  private isBodyComplete = false;

  constructor(
    private readonly exchange: ForwardExchange,
    private readonly events: UpstreamEvents,
    /** Whether the request may be sent again, to another instance as well, after it was sent to one. */
    private readonly isRepeatable: boolean,
  ) {
    const { context, dataPlane } = exchange;
    this.replay =
      context.request.framing.kind === 'none' ? null : createReplayBuffer(dataPlane.limits.retryBodyBytes);
  }

  /** Sends the request to a first instance. False when none is available. */
  begin(): boolean {
    const attempt = this.exchange.decision.pick(NONE_TRIED, this.isRepeatable);
    return attempt !== null && (this.start(attempt) || this.retry('unreachable', 0));
  }

  /**
   * Abandons the current attempts for another instance. False when there is none, or the budget is spent.
   *
   * @param status response status of the abandoned attempt; 0 without a response
   */
  retry(result: AttemptResult, status: number): boolean {
    if (this.replay?.isComplete === false) return false;
    const next = this.pickNext('retry', result, status);
    if (next === null) return false;
    this.finishAll(result);
    this.retries++;
    return this.start(next) || this.retry('unreachable', 0);
  }

  /**
   * Resends to the same instance on a new connection: the pooled one had been closed by the instance. A request that must
   * not be sent twice is resent if none of its bytes were sent.
   */
  resend(stale: UpstreamRequest): boolean {
    if (this.replay?.isComplete === false || !(this.isRepeatable || !stale.hasSent)) return false;
    stale.attempt.failure = null;
    if (stale === this.current) return this.start(stale.attempt, NEW_CONNECTION);
    this.hedged = this.send(stale.attempt, NEW_CONNECTION);
    return this.hedged?.flush() !== undefined;
  }

  /** Starts a hedge when no response has begun after `ms`. For requests without a body. */
  hedgeAfter(ms: number): void {
    if (this.isRepeatable && this.replay === null) this.hedgeTimer = setTimeout(() => this.hedge(), ms);
  }

  /** Continues without a failed attempt where a parallel one is running. False when it was the only one. */
  drop(failed: UpstreamRequest, result: AttemptResult): boolean {
    const other = failed === this.hedged ? this.current : this.hedged;
    if (other === null) return false;
    finish(failed, result);
    this.tried?.add(failed.attempt.instanceId);
    this.continueWith(other);
    return true;
  }

  /** Relays what is held back of a response; false when no response has begun. */
  relayHeld(): boolean {
    return this.current?.relayHeld() === true || this.hedged?.relayHeld() === true;
  }

  /** The response of this one is relayed: hedging and retries end. */
  commit(responding: UpstreamRequest): void {
    this.stopHedging();
    this.replay?.discard();
    const slower = responding === this.hedged ? this.current : this.hedged;
    if (slower === null) return;
    finish(slower, 'abandoned');
    this.continueWith(responding);
  }

  content(bytes: Buffer, start: number, end: number): void {
    this.replay?.store(bytes, start, end);
    this.current?.send(bytes, start, end);
  }

  /** False when the instance applies backpressure. */
  flush(): boolean {
    return this.current?.flush() !== false;
  }

  bodyEnd(): void {
    this.isBodyComplete = true;
    this.replay?.end();
    this.current?.end();
    this.current?.flush();
  }

  /** Ends all attempts. */
  end(result: AttemptResult): void {
    this.stopHedging();
    this.finishAll(result);
    if (this.isRetrying) this.exchange.decision.retryBudget.end();
    this.isRetrying = false;
  }

  private hedge(): void {
    if (this.hedged !== null || this.current === null) return;
    const next = this.pickNext('hedge', 'abandoned', 0);
    if (next === null) return;
    this.retries++;
    this.hedged = this.send(next);
    this.hedged?.flush();
  }

  private stopHedging(): void {
    if (this.hedgeTimer !== null) clearTimeout(this.hedgeTimer);
    this.hedgeTimer = null;
  }

  private continueWith(remaining: UpstreamRequest): void {
    this.current = remaining;
    this.hedged = null;
    this.attempt = remaining.attempt;
  }

  private finishAll(result: AttemptResult): void {
    const { current, hedged } = this;
    if (current !== null) finish(current, result);
    // A timeout is the failure of both.
    if (hedged !== null) finish(hedged, result === 'timeout' ? result : 'abandoned');
    this.current = null;
    this.hedged = null;
  }

  private pickNext(kind: 'retry' | 'hedge', result: AttemptResult, previousStatus: number): Attempt | null {
    const { retryBudget, pick } = this.exchange.decision;
    const wasRetrying = this.isRetrying;
    const previous = this.attempt;
    // An unreachable instance received no load, and each instance is tried once: not charged to the budget.
    const isFree = result === 'unreachable';
    if (!isFree && !retryBudget.take(wasRetrying)) return this.deny(kind, 'retry-budget');
    this.tried ??= new Set();
    if (previous !== null) this.tried.add(previous.instanceId);
    const attempt = pick(this.tried, this.isRepeatable);
    if (attempt === null) {
      if (!isFree) retryBudget.refund(wasRetrying);
      return this.deny(kind, 'no-other-instance');
    }
    this.isRetrying ||= !isFree;
    const budget = isFree ? null : snapshotOf(retryBudget);
    if (previous !== null)
      this.records = withAttempt(this.records, { kind, previous, previousStatus, attempt, budget });
    return attempt;
  }

  /** Sends the head, and the body received so far. */
  private start(attempt: Attempt, maxIdleMs?: number): boolean {
    const sent = this.send(attempt, maxIdleMs);
    this.current = sent;
    if (sent === null) return false;
    // On the first attempt the head is sent together with what arrived in the same packet, at `flush` or `bodyEnd`.
    const flushed = this.replay?.replayTo(sent) ?? (!this.isBodyComplete || sent.flush());
    if (flushed) this.exchange.client.resume();
    else this.exchange.client.pause();
    return true;
  }

  private deny(kind: 'retry' | 'hedge', reason: NotRetried['reason']): null {
    // Without a hedge the request continues.
    if (kind === 'retry')
      this.notRetried = { reason, budget: snapshotOf(this.exchange.decision.retryBudget) };
    return null;
  }

  /** Null when the connection limit of the instance is reached. */
  private send(attempt: Attempt, maxIdleMs = this.maxIdleMs()): UpstreamRequest | null {
    const { context, decision, dataPlane } = this.exchange;
    this.attempt = attempt;
    const connection = dataPlane.pool.take(attempt, maxIdleMs);
    if (connection === null) {
      attempt.done('unreachable', 0);
      return null;
    }
    const { head, framing } = context.request;
    const { limits, forwardingProofs } = dataPlane;
    const sent = { method: head.method, framing, holdMs: limits.holdMs };
    const started = startUpstreamRequest(connection, attempt, sent, this.events);
    pushRequestHead(
      connection,
      context,
      {
        target: decision.target,
        prefix: cutPrefixOf(this.exchange),
        proofLine: forwardingProofs?.lineFor(decision.service) ?? '',
      },
      attempt,
    );
    return started;
  }

  /** The longer a connection was idle, the more likely the instance is closing it: only what can be repeated risks that. */
  private maxIdleMs(): number {
    const { upstreamIdleMs, upstreamFreshMs } = this.exchange.dataPlane.limits;
    return this.isRepeatable ? upstreamIdleMs : upstreamFreshMs;
  }
}

/** Cancels it if it has not ended. */
function finish(request: UpstreamRequest, result: AttemptResult): void {
  const { attempt } = request;
  // The latency of a response is that of its head.
  attempt.done(result, attempt.latencyMs > 0 ? attempt.latencyMs : performance.now() - attempt.startedMs);
  request.cancel();
}
