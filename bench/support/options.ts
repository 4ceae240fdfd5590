/** How a benchmark is run: from the environment, so that `make bench b=social` needs no arguments of its own. */
export interface Options {
  /** A file with a social graph (GRAPH). */
  readonly graph: string | undefined;
  /** A folder to keep the loaded data in, and to use again (KEEP). */
  readonly kept: string | undefined;
  /** Whether a part is run (PARTS=home,mix; all by default). */
  readonly has: (part: string) => boolean;
  /** Duration of one measurement (SECONDS). */
  readonly seconds: number;
  /** The label to write the results to bench/RESULTS.md with (RECORD); undefined writes none. */
  readonly record: string | undefined;
}

/** @throws for a part that does not exist */
export function readOptions(parts: readonly string[], { seconds }: { seconds: number }): Options {
  const { GRAPH, KEEP, PARTS, SECONDS, RECORD } = process.env;
  const chosen = (PARTS ?? '').split(',').filter((part) => part !== '');
  for (const part of chosen)
    if (!parts.includes(part)) throw new Error(`PARTS has ${part}; there are: ${parts.join(', ')}`);
  return {
    graph: GRAPH || undefined,
    kept: KEEP || undefined,
    has: (part) => chosen.length === 0 || chosen.includes(part),
    seconds: Number(SECONDS ?? seconds),
    record: RECORD || undefined,
  };
}
