import { ancestorsOf } from './recent-writes';

/** A response as it was when it came, without anything of the request that brought it. */
export interface CachedResponse {
  /** Whom it is from: a path that has moved to another service, or to another of its routes, is another one. */
  readonly service: string;
  readonly route: string;
  /** Scheme and host it was asked at: an answer may name them. */
  readonly authority: string;
  /** The request's fields it was chosen by (`Vary`), with what they were. */
  readonly variedBy: readonly (readonly [name: string, value: string | null])[];
  /** Header lines as they are written, without length, age and what is of one request. */
  readonly lines: string;
  /** Those of them that a 304 has. */
  readonly notModifiedLines: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly body: Buffer;
  /** On the clock of this process: when it was made, and from when on it is too old. */
  readonly madeAtMs: number;
  readonly freshUntilMs: number;
}

/** Responses by path and query, bounded in bytes; what was not asked for the longest goes first. */
export interface CachedResponses {
  readonly bytes: number;
  readonly count: number;
  /** @param matches tells which of the variants is meant */
  find(
    path: string,
    query: string,
    matches: (response: CachedResponse) => boolean,
  ): CachedResponse | undefined;
  /** Takes the place of the variants that `replaces` names. */
  keep(
    path: string,
    query: string,
    response: CachedResponse,
    replaces: (other: CachedResponse) => boolean,
  ): void;
  /** Forgets everything at a path, whatever the query. @param below and what is below it as well */
  forget(path: string, below: boolean): void;
}

/** What a response takes besides its bytes, roughly. */
const OVERHEAD_BYTES = 512;
/** Of one path and query; beyond it, what a response varies by is of somebody's making. */
const MOST_VARIANTS = 8;

interface Entry {
  readonly path: string;
  readonly query: string;
  readonly response: CachedResponse;
  readonly bytes: number;
}

export function createCachedResponses(mostBytes: number): CachedResponses {
  const paths = new Map<string, Map<string, Entry[]>>();
  /** The paths with something kept below a path. */
  const pathsBelow = new Map<string, Set<string>>();
  /** In the order they were last asked for. */
  const recency = new Set<Entry>();
  let bytes = 0;

  function remove(entry: Entry) {
    if (!recency.delete(entry)) return;
    bytes -= entry.bytes;
    const queries = paths.get(entry.path);
    const left = queries?.get(entry.query)?.filter((other) => other !== entry) ?? [];
    if (left.length > 0) queries?.set(entry.query, left);
    else queries?.delete(entry.query);
    if (queries?.size === 0) removePath(entry.path);
  }

  function removePath(path: string) {
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

  function forgetAt(path: string) {
    for (const entries of [...(paths.get(path)?.values() ?? [])]) for (const entry of entries) remove(entry);
  }

  return {
    get bytes() {
      return bytes;
    },
    get count() {
      return recency.size;
    },
    find(path, query, matches) {
      const entry = paths
        .get(path)
        ?.get(query)
        ?.find(({ response }) => matches(response));
      if (entry === undefined) return undefined;
      recency.delete(entry);
      recency.add(entry);
      return entry.response;
    },
    keep(path, query, response, replaces) {
      for (const entry of paths.get(path)?.get(query) ?? []) if (replaces(entry.response)) remove(entry);
      const others = paths.get(path)?.get(query) ?? [];
      const [oldest] = others;
      if (oldest !== undefined && others.length >= MOST_VARIANTS) remove(oldest);
      const size = OVERHEAD_BYTES + path.length + query.length + response.lines.length + response.body.length;
      const entry = { path, query, response, bytes: size };
      const queries = queriesAt(path);
      queries.set(query, [...(queries.get(query) ?? []), entry]);
      recency.add(entry);
      bytes += size;
      for (const longestUnasked of recency) {
        if (bytes <= mostBytes) break;
        remove(longestUnasked);
      }
    },
    forget(path, below) {
      forgetAt(path);
      if (below) for (const lower of [...(pathsBelow.get(path) ?? [])]) forgetAt(lower);
    },
  };
}
