import { status } from '@grpc/grpc-js';
import type { SpanEnd } from '../core/span';

/** OpenTelemetry, "Semantic conventions for gRPC": the status codes that are server errors. */
const SERVER_ERRORS: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/**
 * The end of the span of a gRPC call.
 *
 * @param method with its service: `timelines.v1.TimelinesService/GetPosts`
 */
export function callSpan(kind: 'client' | 'server', method: string, code: status): SpanEnd {
  const failed = kind === 'client' ? code !== status.OK : SERVER_ERRORS.has(code);
  return {
    name: method,
    kind,
    attributes: { 'rpc.system.name': 'grpc', 'rpc.method': method, 'rpc.status_code': status[code] },
    error: failed ? status[code] : undefined,
  };
}
