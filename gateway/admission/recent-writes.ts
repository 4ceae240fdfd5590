/** Recent writes: a response requested before a write may predate it, and is not stored. */
export interface RecentWrites {
  /** @param below whether everything below the path has changed with it */
  record(path: string, below: boolean, atMs: number): void;
  /** Whether the path may have changed since then. */
  changedSince(path: string, sinceMs: number): boolean;
}

const MAX_WRITES = 1_000;

/** In order of time, not of use: an eviction advances the time since which all writes are known. Hence no LRU. */
export function createRecentWrites(): RecentWrites {
  const writes = new Map<string, { below: boolean; atMs: number }>();
  /** Earlier writes have been evicted. */
  let completeSinceMs = Number.NEGATIVE_INFINITY;

  return {
    record(path, below, atMs) {
      writes.delete(path);
      writes.set(path, { below, atMs });
      if (writes.size <= MAX_WRITES) return;
      for (const [oldest, { atMs: oldestMs }] of writes) {
        completeSinceMs = oldestMs;
        writes.delete(oldest);
        break;
      }
    },
    changedSince(path, sinceMs) {
      if (sinceMs <= completeSinceMs) return true;
      if ((writes.get(path)?.atMs ?? Number.NEGATIVE_INFINITY) >= sinceMs) return true;
      return ancestorsOf(path).some((ancestor) => {
        const write = writes.get(ancestor);
        return write?.below === true && write.atMs >= sinceMs;
      });
    },
  };
}

/** `/files/7` and `/files` of `/files/7/content`. */
export function ancestorsOf(path: string): string[] {
  const ancestors: string[] = [];
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1))
    ancestors.push(path.slice(0, slash));
  return ancestors;
}
