import type { Registry } from 'prom-client';
import type { Logger } from '#kit/core/log';
import type { SpanRecorder } from '#kit/core/span';
import type { RequestOutcome } from '../model/outcome';
import type { RequestContext } from '../model/request-context';
import { createAccessMetrics, type Open } from './access-metrics';
import { createLineBuffer } from './line-buffer';
import type { RecentRequests } from './recent-requests';
import { finishRequestSpan } from './request-span';

/** One line, one observation, one place among the recent requests and one span for each request, and the gauges of the data plane. */
export interface AccessLog {
  readonly activeRequests: number;
  begin(): void;
  end(context: RequestContext, outcome: RequestOutcome): void;
  /** Bytes that were no request: there is no head to tell of. */
  unreadable(clientAddress: string, status: number, code: string): void;
  connected(change: 1 | -1): void;
  tunnel(change: 1 | -1): void;
  /** Writes what was gathered. */
  close(): void;
}

/**
 * Lines are the process's log lines in form, but written by hand: they have these fields and no others, none of them
 * secret, and making them with the logger costs as much as all the rest of a request.
 */
export function createAccessLog(
  log: Logger,
  registry: Registry,
  recent: RecentRequests,
  spans: SpanRecorder | null = null,
): AccessLog {
  const open: Open = { requests: 0, connections: 0, tunnels: 0 };
  const metrics = createAccessMetrics(registry, open);
  const lines = createLineBuffer(log);
  const isWanted = log.isLevelEnabled('info');
  const bindings = JSON.stringify(log.bindings()).slice(1, -1);
  const constant = bindings === '' ? '' : `${bindings},`;
  const beginning = () => `{"level":"info","time":"${isoTime()}",${constant}`;

  return {
    get activeRequests() {
      return open.requests;
    },
    begin() {
      open.requests++;
    },
    end(context, outcome) {
      open.requests--;
      const { route, status, bytesIn, bytesOut, tries, code } = outcome;
      const durationMs = performance.now() - context.startedMs;
      metrics.observe(route, status, durationMs);
      if (tries !== undefined && tries.retries > 0) metrics.retried(route, tries.retries);
      recent.add(context, durationMs, outcome);
      if (spans !== null) finishRequestSpan(spans, context, outcome);
      if (!isWanted) return;
      // Ids and the address are of characters that need no escape: they were made or checked here.
      lines.add(
        `${beginning()}"method":${quoted(context.request.head.method)},"route":${quoted(route)},"status":${status},"duration_ms":${Math.round(durationMs * 100) / 100},"bytes_in":${bytesIn},"bytes_out":${bytesOut},"client":"${context.origin.address}","request_id":"${context.requestId}","trace_id":"${context.traceId}"${
          tries?.attempt ? `,"instance":${quoted(tries.attempt.instanceId)}` : ''
        }${tries === undefined ? '' : `,"retries":${tries.retries}`}${code === undefined ? '' : `,"code":${quoted(code)}`}}`,
      );
    },
    unreadable(clientAddress, status, code) {
      metrics.observe('unreadable', status, 0);
      if (!isWanted) return;
      lines.add(
        `${beginning()}"route":"unreadable","status":${status},"client":"${clientAddress}","code":${quoted(code)}}`,
      );
    },
    connected(change) {
      open.connections += change;
    },
    tunnel(change) {
      open.tunnels += change;
    },
    close: lines.close,
  };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** As JSON; what is plain ASCII, and that is nearly everything, is not looked at by a serialiser. */
function quoted(text: string): string {
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return JSON.stringify(text);
  }
  return `"${text}"`;
}

let writtenMs = 0;
let written = '';

/** Requests of the same millisecond share the text. */
function isoTime(): string {
  const nowMs = Date.now();
  if (nowMs !== writtenMs) {
    writtenMs = nowMs;
    written = new Date(nowMs).toISOString();
  }
  return written;
}
