import type { CustomFetch } from 'openid-client';
import type { OutboundClient } from '#kit/http/outbound/client';

/** What providers answer with: documents, keys, and signed user information. */
const MEDIA_TYPES = ['application/json', 'application/jwk-set+json', 'application/jwt'];
/** Key sets with certificates are the longest; they have tens of kilobytes. */
const MAX_BYTES = 256 * 1024;
/** A response with one of these has no body (Fetch, "null body status"). */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * `fetch` for the protocol, by the client for addresses of strangers: a provider names its own endpoints, and none of them may
 * be one of ours. It follows no redirects: the answer of another server is none of the provider.
 *
 * @param timeoutMs of one request
 */
export const outboundFetch =
  (outbound: OutboundClient, timeoutMs: number): CustomFetch =>
  async (url, { method, headers, body, signal }) => {
    const response = await outbound.request(url, {
      method: method === 'POST' ? 'POST' : 'GET',
      headers,
      ...(body instanceof URLSearchParams && { body: new TextEncoder().encode(body.toString()) }),
      mediaTypes: MEDIA_TYPES,
      maxBytes: MAX_BYTES,
      timeoutMs,
      followsRedirects: false,
      ...(signal !== undefined && { signal }),
    });
    const { status } = response;
    return new Response(WITHOUT_BODY.has(status) ? null : response.body, {
      status,
      headers: { 'content-type': response.mediaType },
    });
  };
