import type { JsonText } from './json-text';
import { JSON_MEDIA_TYPE } from './json-text';

/** The part of Elysia's `set` that is read and written here. */
interface SetOfResponse {
  status?: number | string;
  headers: Record<string, string | number | undefined>;
  readonly cookie?: object | undefined;
}

/**
 * The response of a ready text with the status and headers of its route, in one step: the framework would copy the headers
 * of both through two `Headers`, and turn the text into a stream.
 *
 * @returns undefined where the framework does more than that: for cookies, and for a status by its name
 */
export function sendJsonText(response: JsonText, set: SetOfResponse): Response | undefined {
  const { status, headers, cookie } = set;
  if (typeof status === 'string' || cookie !== undefined || headers['set-cookie'] !== undefined)
    return undefined;
  headers['content-type'] ??= JSON_MEDIA_TYPE;
  const sent = new Response(response.source, {
    status: status ?? 200,
    headers: headers as Record<string, string>,
  });
  // The framework sends a response as it is when there is nothing left to add.
  set.headers = {};
  set.status = 200;
  return sent;
}
