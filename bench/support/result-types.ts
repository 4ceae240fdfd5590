/** A line of a table: what was measured, and its figures by the names of their columns. */
export interface Row {
  readonly name: string;
  readonly figures: Readonly<Record<string, number | string>>;
  /** CPU time per request in milliseconds, by process. */
  readonly processors?: Readonly<Record<string, number>>;
}

export interface Run {
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly Row[];
}

/** The results of all benchmarks, by name, each with its runs by label, such as `before` and `after`. */
export type Results = Readonly<
  Record<string, { readonly title: string; readonly runs: Readonly<Record<string, Run>> }>
>;
