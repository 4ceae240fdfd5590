import { isAtAuthority, readOrigin } from '#kit/http/authority';
import { headerLine, isField } from '../http1/field-lines';
import { httpDate } from '../http1/http-date';
import type { HeaderLine, IncomingResponse } from '../http1/message';
import type { CutPrefix } from '../model/path-restorer';
import type { Exchange } from './exchange';
import { mapCookiePath, mapLinks, mapReference, type ReferenceMap } from './reference-map';

/**
 * The response as the client is to receive it: with a Date (RFC 9110, 6.6.1), and with the addresses of its head below what
 * was cut from the request's path. Where nothing was cut, nothing is read or copied.
 */
export function completedResponse(exchange: Exchange, response: IncomingResponse): IncomingResponse {
  const map = referenceMapOf(exchange);
  const isDated = response.status < 200 || hasDate(response);
  if (map === null && isDated) return response;
  const headers =
    map === null ? [...response.headers] : response.headers.map((line) => mappedLine(line, map));
  if (!isDated) headers.push(headerLine('Date', httpDate()));
  return { ...response, headers };
}

/** The same for a response of this process, which is dated when it is written. */
export function withRestoredAddresses(exchange: Exchange, response: Response): Response {
  const map = referenceMapOf(exchange);
  if (map === null) return response;
  const headers = new Headers();
  response.headers.forEach((value, name) => {
    headers.append(name, mappedValue(name, value, map) ?? value);
  });
  return new Response(response.body, { status: response.status, headers });
}

/** The same for the fields of a problem. */
export function restoredFields(
  exchange: Exchange,
  fields: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const map = referenceMapOf(exchange);
  if (map === null) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, mappedValue(name, value, map) ?? value]),
  );
}

/** For `X-Forwarded-Prefix`; empty where nothing was cut. */
export const cutPrefixOf = ({ context, decision }: Pick<Exchange, 'context' | 'decision'>): string =>
  'prefix' in decision ? context.origin.prefix + decision.prefix : context.origin.prefix;

/** Null where nothing was cut. */
function referenceMapOf({ context, decision, dataPlane }: Exchange): ReferenceMap | null {
  const byGateway = 'prefix' in decision ? decision.prefix : '';
  const { prefix: byProxy, host } = context.origin;
  if (byGateway === '' && byProxy === '') return null;
  const { restorer } = dataPlane;
  const service = 'service' in decision ? decision.service : undefined;
  const cut: CutPrefix = { byProxy, byGateway };
  return {
    path: (path) => restorer.path(service, cut, path),
    cookiePath: (path) => restorer.cookiePath(service, cut, path),
    isOwn(origin) {
      const read = readOrigin(origin);
      if (read === null) return false;
      return [host, context.request.host].some((own) => own !== null && isAtAuthority(read, own));
    },
  };
}

function hasDate({ headers }: IncomingResponse): boolean {
  for (const [name] of headers) if (name.length === 4 && isField(name, 'Date')) return true;
  return false;
}

function mappedLine(line: HeaderLine, map: ReferenceMap): HeaderLine {
  const [name, value] = line;
  const mapped = mappedValue(name, value, map);
  return mapped === null || mapped === value ? line : headerLine(name, mapped);
}

/** Null for a field without addresses. */
function mappedValue(name: string, value: string, map: ReferenceMap): string | null {
  if (isField(name, 'Location') || isField(name, 'Content-Location')) return mapReference(value, map);
  if (isField(name, 'Link')) return mapLinks(value, map);
  return isField(name, 'Set-Cookie') ? mapCookiePath(value, map) : null;
}
