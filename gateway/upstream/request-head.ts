import { authorityOf } from '#kit/core/address';
import { framingLine } from '../http1/framing';
import { uncodedLine } from '../model/content-coding';
import { isForwardedUpstream } from '../model/forwarded-fields';
import type { RequestContext } from '../model/request-context';
import { viaLine } from '../model/via';

/**
 * Serializes the request head for an instance.
 *
 * @param sent.prefix what was cut from the path that the client sent
 * @param sent.proofLine proves to the service that the gateway forwards it
 * @param instance used as Host for clients that named none
 */
export function requestHeadText(
  context: RequestContext,
  { target, prefix, proofLine }: { target: string; prefix: string; proofLine: string },
  instance: { readonly host: string; readonly port: number },
): string {
  const { request } = context;
  const { method, httpVersion } = request.head;
  const host = request.host ?? authorityOf(instance.host, instance.port);
  let text = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${upstreamLines(context)}${viaLine(httpVersion)}${context.origin.forwardedLines}${proofLine}X-Request-ID: ${context.requestId}\r\ntraceparent: ${context.traceparent}\r\n`;
  if (prefix !== '') text += `X-Forwarded-Prefix: ${prefix}\r\n`;
  if (request.upgradesToWebSocket) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  return `${text}${framingLine(request.framing)}\r\n`;
}

/** The client's lines that are forwarded. */
function upstreamLines(context: RequestContext): string {
  const { derived, head } = context.request;
  if (derived !== undefined && derived.upstreamLines !== null) return derived.upstreamLines;
  let text = '';
  for (const [name, value, line] of head.headers) {
    if (isForwardedUpstream(context, name)) text += uncodedLine(name, value, line);
  }
  // Through bytes: a concatenation is a tree of its parts, walked again by each that it becomes a part of.
  if (derived !== undefined) derived.upstreamLines = Buffer.from(text, 'latin1').toString('latin1');
  return text;
}
