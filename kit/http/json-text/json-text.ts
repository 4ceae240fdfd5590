import { bindCursor } from '../lists/cursor';
import { nextLink } from '../lists/pagination';
import { pathOf } from '../request-path';
import type { ResponseSet } from '../responses';

/** What `Response.json` says. */
export const JSON_MEDIA_TYPE = 'application/json;charset=utf-8';
const JSON_HEADERS = { 'content-type': JSON_MEDIA_TYPE };

/**
 * A response whose JSON is ready: neither serialized nor validated again. It is a complete response of its own; within the
 * platform it gets the status and the headers of `set` like any other value (`sendJsonText`).
 */
export class JsonText extends Response {
  constructor(readonly source: string) {
    super(source, { headers: JSON_HEADERS });
  }
}

/**
 * Responds with JSON that has been assembled from ready pieces. Status, headers, `etag: true`, log line, metrics and
 * documentation are those of the route, as for an object. What the text holds is the promise of the handler: it is compared
 * with the response schema of the route in tests only (`Runtime.checksJsonText`), and members that the schema does not name
 * are not removed.
 *
 * @param source well-formed JSON
 */
export const jsonText = (source: string): JsonText => new JsonText(source);

/** A page whose items are ready. */
export interface TextPage {
  /** Each one the JSON of an item. */
  readonly items: readonly string[];
  /** The encoded sort key of the last item, as of `toPage`; null on the last page. */
  readonly next_cursor: string | null;
}

/** Responds with a page of ready items, and the `Link` to the next one, like `paged`. */
export function pagedText(set: ResponseSet, request: Request, { items, next_cursor }: TextPage): JsonText {
  if (next_cursor === null) return jsonText(`{"items":[${items.join(',')}],"next_cursor":null}`);
  const bound = bindCursor(pathOf(request.url), next_cursor);
  Object.assign(set.headers, nextLink(request.url, { next_cursor: bound }));
  return jsonText(`{"items":[${items.join(',')}],"next_cursor":${JSON.stringify(bound)}}`);
}
