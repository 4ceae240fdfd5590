import type { Registry } from 'prom-client';
import type { Logger } from '#kit/core/log';
import type { SpanRecorder } from '#kit/core/span';
import type { RequestOutcome } from '../model/outcome';
import type { RequestContext } from '../model/request-context';
import { createAccessMetrics, type DataPlaneGauges } from './access-metrics';
import { asciiJson, quoted } from './json-text';
import { createLineBuffer } from './line-buffer';
import type { RecentRequests } from './recent-requests';
import { pushRequestLine } from './request-line';
import { recordRequestSpan } from './request-span';

/** Records requests: a log line, metrics, an entry among the recent requests and a span each, and the data plane's gauges. */
export interface AccessLog {
  begin(): void;
  end(context: RequestContext, outcome: RequestOutcome): void;
  /** Bytes that are no request: there is no head to record. */
  malformed(clientAddress: string, status: number, code: string): void;
  connected(change: 1 | -1): void;
  tunnel(change: 1 | -1): void;
  /** Writes the buffered lines. */
  close(): void;
}

/**
 * The lines have the form of the process's log lines, but are formatted here: their fields are fixed, none of them is
 * secret, and formatting them with the logger costs as much as the rest of a request.
 */
export function createAccessLog(
  log: Logger,
  registry: Registry,
  recent: RecentRequests,
  spans: SpanRecorder | null = null,
): AccessLog {
  const gauges: DataPlaneGauges = { requests: 0, connections: 0, tunnels: 0 };
  const metrics = createAccessMetrics(registry, gauges);
  const lines = createLineBuffer(log);
  const isEnabled = log.isLevelEnabled('info');
  const bindings = asciiJson(log.bindings()).slice(1, -1);
  const constant = bindings === '' ? '' : `${bindings},`;
  let formattedMs = 0;
  let formatted = '';

  /** The beginning of a line, formatted once per millisecond. */
  function prefix(): string {
    const nowMs = Date.now();
    if (nowMs !== formattedMs) {
      formattedMs = nowMs;
      formatted = `{"level":"info","time":"${new Date(nowMs).toISOString()}",${constant}`;
    }
    return formatted;
  }

  return {
    begin() {
      gauges.requests++;
    },
    end(context, outcome) {
      gauges.requests--;
      const { route, status, tries } = outcome;
      const durationMs = performance.now() - context.startedMs;
      metrics.observe(route, status, durationMs);
      if (tries !== undefined && tries.retries > 0) metrics.retried(route, tries.retries);
      recent.add(context, durationMs, outcome);
      if (spans !== null) recordRequestSpan(spans, context, outcome);
      if (!isEnabled) return;
      lines.push(prefix());
      pushRequestLine(lines, context, outcome, durationMs);
    },
    malformed(clientAddress, status, code) {
      metrics.observe(MALFORMED_ROUTE, status, 0);
      if (!isEnabled) return;
      lines.push(prefix());
      lines.push(`"route":"${MALFORMED_ROUTE}","status":${status},"client":"`);
      lines.push(`${clientAddress}","code":${quoted(code)}}`);
      lines.end();
    },
    connected(change) {
      gauges.connections += change;
    },
    tunnel(change) {
      gauges.tunnels += change;
    },
    close: lines.close,
  };
}

const MALFORMED_ROUTE = 'unreadable';
