import { authorityOf } from '#kit/core/address';
import type { PartSink } from '../http1/body-encoder';
import { framingLine } from '../http1/framing';
import { uncodedLine } from '../model/content-coding';
import { isForwardedUpstream } from '../model/forwarded-fields';
import type { RequestContext } from '../model/request-context';
import { viaLine } from '../model/via';

/**
 * Writes the request head for an instance.
 *
 * @param sent.prefix what was cut from the path that the client sent
 * @param sent.proofLine proves to the service that the gateway forwards it
 * @param instance used as Host for clients that named none
 */
export function pushRequestHead(
  sink: PartSink,
  context: RequestContext,
  { target, prefix, proofLine }: { target: string; prefix: string; proofLine: string },
  instance: { readonly host: string; readonly port: number },
): void {
  const { request } = context;
  const { method, httpVersion } = request.head;
  const host = request.host ?? authorityOf(instance.host, instance.port);
  sink.push(method);
  sink.push(' ');
  sink.push(target);
  sink.push(' HTTP/1.1\r\nHost: ');
  sink.push(host);
  sink.push('\r\n');
  pushFields(sink, context);
  sink.push(viaLine(httpVersion));
  sink.push(context.origin.forwardedLines);
  sink.push(proofLine);
  sink.push('X-Request-ID: ');
  sink.push(context.requestId);
  sink.push('\r\ntraceparent: ');
  sink.push(context.traceparent);
  sink.push('\r\n');
  if (prefix !== '') sink.push(`X-Forwarded-Prefix: ${prefix}\r\n`);
  if (request.upgradesToWebSocket) sink.push('Connection: Upgrade\r\nUpgrade: websocket\r\n');
  sink.push(framingLine(request.framing));
  sink.push('\r\n');
}

/** Writes the client's lines that are forwarded. */
function pushFields(sink: PartSink, context: RequestContext): void {
  const { derived, head } = context.request;
  if (derived === undefined) {
    for (const [name, value, line] of head.headers)
      if (isForwardedUpstream(context, name)) sink.push(uncodedLine(name, value, line));
    return;
  }
  derived.upstreamLines ??= fieldsText(context);
  sink.push(derived.upstreamLines);
}

function fieldsText(context: RequestContext): string {
  let text = '';
  for (const [name, value, line] of context.request.head.headers)
    if (isForwardedUpstream(context, name)) text += uncodedLine(name, value, line);
  // Through bytes: a concatenation is a tree of its parts, walked at every use.
  return Buffer.from(text, 'latin1').toString('latin1');
}
