/** What was written lately: an answer that was asked for before may be from before as well, and is not kept. */
export interface RecentWrites {
  /** @param below whether what is below the path has changed with it */
  note(path: string, below: boolean, atMs: number): void;
  /** Whether the path may have changed since then. */
  changedSince(path: string, sinceMs: number): boolean;
}

const MOST_WRITES = 1_000;

export function createRecentWrites(): RecentWrites {
  const writes = new Map<string, { below: boolean; atMs: number }>();
  /** Of writes before, nothing is known any more. */
  let knownSinceMs = Number.NEGATIVE_INFINITY;

  return {
    note(path, below, atMs) {
      writes.delete(path);
      writes.set(path, { below, atMs });
      if (writes.size <= MOST_WRITES) return;
      for (const [oldest, { atMs: oldestMs }] of writes) {
        knownSinceMs = oldestMs;
        writes.delete(oldest);
        break;
      }
    },
    changedSince(path, sinceMs) {
      if (sinceMs <= knownSinceMs) return true;
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
