import { nextLink, type Page } from './pagination';

/** The part of Elysia's `set` that answers need. */
export interface ResponseSet {
  status?: number | string;
  headers: Record<string, string | number | undefined>;
}

/** Answers 201 with the new thing and where it is. */
export function created<Value>(set: ResponseSet, location: string, value: Value): Value {
  set.status = 201;
  set.headers.location = location;
  return value;
}

/** Answers 202: taken, and where to look for it later. */
export function accepted<Value>(set: ResponseSet, location: string, value: Value): Value {
  set.status = 202;
  set.headers.location = location;
  return value;
}

/** Waits for the change and answers 204. */
export async function noContent(set: ResponseSet, change: Promise<unknown>): Promise<void> {
  await change;
  set.status = 204;
}

/** Answers a page, with the `Link` to the next one. */
export function paged<Item>(set: ResponseSet, request: Request, page: Page<Item>): Page<Item> {
  Object.assign(set.headers, nextLink(request.url, page));
  return page;
}
