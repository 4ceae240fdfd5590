import { bindCursor } from './lists/cursor';
import { nextLink, type Page } from './lists/pagination';
import { pathOf } from './request-path';

/** The part of Elysia's `set` that responses need. */
export interface ResponseSet {
  status?: number | string;
  headers: Record<string, string | number | undefined>;
}

/** Responds with 201, the created value and its location. */
export function created<Value>(set: ResponseSet, location: string, value: Value): Value {
  set.status = 201;
  set.headers.location = location;
  return value;
}

/** Responds with 202 and the location of the result. */
export function accepted<Value>(set: ResponseSet, location: string, value: Value): Value {
  set.status = 202;
  set.headers.location = location;
  return value;
}

/** Awaits a change and responds with 204. */
export async function noContent(set: ResponseSet, change: Promise<unknown>): Promise<void> {
  await change;
  set.status = 204;
}

/** Responds with a page and the `Link` to the next one. Its cursor is good for this list only. */
export function paged<Item>(set: ResponseSet, request: Request, page: Page<Item>): Page<Item> {
  if (page.next_cursor === null) return page;
  const bound = { ...page, next_cursor: bindCursor(pathOf(request.url), page.next_cursor) };
  Object.assign(set.headers, nextLink(request.url, bound));
  return bound;
}
