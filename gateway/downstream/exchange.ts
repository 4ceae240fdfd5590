import type { Logger } from '#kit/core/log';
import type { Decision } from '../model/decision';
import type { PathRestorer } from '../model/path-restorer';
import type { RequestContext } from '../model/request-context';
import type { ResponsePlan } from '../model/response-plan';
import type { AccessLog } from '../observability/access-log';
import type { ClientStream } from './client-stream';

/** What the downstream side needs of the data plane. */
export interface DownstreamServices {
  readonly accessLog: AccessLog;
  readonly log: Logger;
  readonly restorer: PathRestorer;
  /** Whether responses are compressed for clients that ask for it. */
  readonly compresses: boolean;
  /** True from the moment a shutdown was requested: responses then carry `Connection: close`. */
  isDraining(): boolean;
}

/** One request and its response. */
export interface Exchange {
  readonly client: ClientStream;
  readonly context: RequestContext;
  readonly decision: Decision;
  readonly plan: ResponsePlan;
  readonly dataPlane: DownstreamServices;
}

/** Whether the connection can serve another request after the response that is about to be written. */
export const canKeepAlive = ({ client, context, dataPlane }: Exchange): boolean =>
  context.request.keepAlive && client.bodyComplete && !dataPlane.isDraining();

/** Value of the response's Connection header; null where the protocol's default applies. */
export function connectionValue({ context }: Exchange, keepAlive: boolean): string | null {
  if (!keepAlive) return 'close';
  return context.request.head.httpVersion === '1.0' ? 'keep-alive' : null;
}

/** Sends 100 Continue to a client that waits for it before it sends the body. */
export function sendContinueIfExpected({ client, context }: Exchange): void {
  if (!context.request.expectsContinue) return;
  client.push(CONTINUE_HEAD);
  client.flush();
}

/** RFC 9110, 15.2.1. */
export const CONTINUE_HEAD = 'HTTP/1.1 100 Continue\r\n\r\n';
