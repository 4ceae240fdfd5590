import { LRUCache } from 'lru-cache';
import { ancestorsOf } from './recent-writes';

/** A stored response, without anything specific to the request that produced it. */
export interface CachedResponse {
  /** A path that has moved to another service or route has other responses. */
  readonly service: string;
  readonly route: string;
  /** Scheme, host and cut prefix of the request: a response may contain them. */
  readonly authority: string;
  /** Request fields it was selected by (`Vary`), with their values. */
  readonly variedBy: readonly (readonly [name: string, value: string | null])[];
  /** Header lines without length, age and those of one request. */
  readonly lines: string;
  /** Those of them that a 304 carries. */
  readonly notModifiedLines: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly body: Buffer;
  /** When it was generated, and until when it is fresh, on the clock of this process. */
  readonly madeAtMs: number;
  readonly freshUntilMs: number;
}

/** Responses by path and query; the least recently used are evicted beyond the size limit. */
export interface CachedResponses {
  readonly bytes: number;
  readonly count: number;
  /** @param matches selects the variant */
  find(
    path: string,
    query: string,
    matches: (response: CachedResponse) => boolean,
  ): CachedResponse | undefined;
  /** Stores a response in place of the variants that `replaces` selects. */
  store(
    path: string,
    query: string,
    response: CachedResponse,
    replaces: (other: CachedResponse) => boolean,
  ): void;
  /** Removes everything at a path, whatever the query. @param below and everything below it */
  invalidate(path: string, below: boolean): void;
}

/** Approximate size of an entry besides its bytes. */
const OVERHEAD_BYTES = 512;
/** Per path and query: beyond it, the fields a response varies by are chosen by an attacker. */
const MAX_VARIANTS = 8;

interface Entry {
  readonly path: string;
  readonly query: string;
  readonly response: CachedResponse;
  readonly bytes: number;
}

export function createCachedResponses(maxBytes: number): CachedResponses {
  const paths = new Map<string, Map<string, Entry[]>>();
  /** Paths with entries below a path. */
  const pathsBelow = new Map<string, Set<string>>();
  const recency = new LRUCache<Entry, Entry>({
    maxSize: maxBytes,
    sizeCalculation: ({ bytes }) => bytes,
    dispose: unlink,
  });

  function unlink(entry: Entry) {
    const queries = paths.get(entry.path);
    const left = queries?.get(entry.query)?.filter((other) => other !== entry) ?? [];
    if (left.length > 0) queries?.set(entry.query, left);
    else queries?.delete(entry.query);
    if (queries?.size === 0) unlinkPath(entry.path);
  }

  function unlinkPath(path: string) {
    paths.delete(path);
    for (const ancestor of ancestorsOf(path)) {
      const below = pathsBelow.get(ancestor);
      below?.delete(path);
      if (below?.size === 0) pathsBelow.delete(ancestor);
    }
  }

  function queriesAt(path: string): Map<string, Entry[]> {
    const known = paths.get(path);
    if (known !== undefined) return known;
    const queries = new Map<string, Entry[]>();
    paths.set(path, queries);
    for (const ancestor of ancestorsOf(path)) {
      const below = pathsBelow.get(ancestor) ?? new Set();
      pathsBelow.set(ancestor, below.add(path));
    }
    return queries;
  }

  function invalidateAt(path: string) {
    for (const entries of [...(paths.get(path)?.values() ?? [])])
      for (const entry of entries) recency.delete(entry);
  }

  return {
    get bytes() {
      return recency.calculatedSize;
    },
    get count() {
      return recency.size;
    },
    find(path, query, matches) {
      const entry = paths
        .get(path)
        ?.get(query)
        ?.find(({ response }) => matches(response));
      return entry && recency.get(entry)?.response;
    },
    store(path, query, response, replaces) {
      for (const entry of paths.get(path)?.get(query) ?? [])
        if (replaces(entry.response)) recency.delete(entry);
      const others = paths.get(path)?.get(query) ?? [];
      const [oldest] = others;
      if (oldest !== undefined && others.length >= MAX_VARIANTS) recency.delete(oldest);
      const bytes =
        OVERHEAD_BYTES + path.length + query.length + response.lines.length + response.body.length;
      if (bytes > maxBytes) return;
      const entry = { path, query, response, bytes };
      const queries = queriesAt(path);
      queries.set(query, [...(queries.get(query) ?? []), entry]);
      recency.set(entry, entry);
    },
    invalidate(path, below) {
      invalidateAt(path);
      if (below) for (const lower of [...(pathsBelow.get(path) ?? [])]) invalidateAt(lower);
    },
  };
}
