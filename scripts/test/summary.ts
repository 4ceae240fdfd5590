export interface TestSummary {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Parses the counts that bun prints at the end of a test run (` 12 pass`, ` 0 fail`, `Ran 12 tests across 3 files.`).
 * A run that ended without them, or with a failure they do not include, counts as one more failure.
 *
 * @param output all output of bun
 */
export function summarize(output: string, exitCode: number): TestSummary {
  const lines = Bun.stripANSI(output).split('\n');
  const passed = lastCount(lines, /^\s*(\d+) pass$/);
  const failed = lastCount(lines, /^\s*(\d+) fail$/);
  const complete = lines.some((line) => /^Ran \d+ tests? across \d+ files?\./.test(line));
  const hasUncounted = !complete || (exitCode !== 0 && failed === 0);
  return { passed, failed: failed + (hasUncounted ? 1 : 0) };
}

function lastCount(lines: readonly string[], pattern: RegExp): number {
  return Number(lines.map((line) => pattern.exec(line)?.[1]).findLast((count) => count !== undefined) ?? 0);
}
