import { fetchTls, type InternalTls } from '../core/internal-tls';
import { isJsonType, mediaTypeOf } from '../text/media-type';

/** Within one network the registry responds in milliseconds; a slow one must not delay the next heartbeat. */
const CALL_TIMEOUT_MS = 2_000;

export interface RegistryResponse {
  readonly status: number;
  readonly body: unknown;
  /** The `detail` of a problem document. */
  readonly detail: string | undefined;
}

/**
 * Calls the registry.
 *
 * @param request.internalTls verifies its certificate, where its URL begins with `https`
 * @param request.timeoutMs 2,000 by default
 * @returns the response, whatever its status
 * @throws when the registry is unreachable or does not respond in time
 */
export async function callRegistry(
  url: string,
  request: {
    internalTls: InternalTls | null;
    method: 'POST' | 'DELETE';
    path: string;
    bearer?: string | undefined;
    body?: object | undefined;
    timeoutMs?: number;
  },
): Promise<RegistryResponse> {
  const { method, path, bearer, body, timeoutMs = CALL_TIMEOUT_MS } = request;
  const response = await fetch(new URL(path, url), {
    method,
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
    ...registryTls(request.internalTls),
  });
  const isJson = isJsonType(mediaTypeOf(response.headers.get('content-type')));
  const content: unknown = isJson ? await response.json() : await response.text();
  return { status: response.status, body: content, detail: detailOf(content) };
}

/** What `fetch` needs to call the registry. */
export const registryTls = (tls: InternalTls | null) => fetchTls(tls, 'registry');

const detailOf = (body: unknown) =>
  typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string'
    ? body.detail
    : undefined;
