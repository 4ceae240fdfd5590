/** The distinct ids of two lists, newest first. */
export function mergeNewestFirst(one: readonly string[], other: readonly string[]): string[] {
  if (other.length === 0) return [...one];
  return [...new Set([...one, ...other])].sort((left, right) => Number(right) - Number(left));
}
