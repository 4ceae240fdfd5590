/** A claimed method and pattern. Parameter names do not distinguish patterns and are dropped. */
export interface Pattern {
  readonly method: string;
  /** Static text, `:` for a parameter, or a final `*` for everything from there on. */
  readonly segments: readonly string[];
}

/** @param path as claimed; a trailing slash makes no difference, as in the gateway's router */
export const patternOf = (method: string, path: string): Pattern => ({
  method,
  segments: path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => (segment.startsWith(':') ? ':' : segment)),
});

export const textOf = ({ method, segments }: Pattern): string => `${method} /${segments.join('/')}`;

/** Whether one request could match both patterns. */
export const overlaps = (left: Pattern, right: Pattern): boolean =>
  methodsOverlap(left.method, right.method) && segmentsOverlap(left.segments, right.segments);

/** HEAD is served by GET. The gateway answers OPTIONS for the owner of a path, so that whoever claims it claims the path. */
function methodsOverlap(left: string, right: string): boolean {
  if (left === right || left === 'ALL' || right === 'ALL') return true;
  if (left === 'OPTIONS' || right === 'OPTIONS') return true;
  return READS.has(left) && READS.has(right);
}

const READS = new Set(['GET', 'HEAD']);

function segmentsOverlap(left: readonly string[], right: readonly string[]): boolean {
  for (let index = 0; ; index++) {
    const [one, other] = [left[index], right[index]];
    if (one === '*' || other === '*') return true;
    if (one === undefined || other === undefined) return one === other;
    if (one !== other && one !== ':' && other !== ':') return false;
  }
}

/**
 * Whether one of two overlapping patterns is at least as general as the other in every segment. Otherwise each has a static
 * segment where the other has a parameter, and they share only the requests whose parameter happens to have that value.
 */
export function isNested(left: Pattern, right: Pattern): boolean {
  let isLeftWider = false;
  let isRightWider = false;
  const length = Math.max(left.segments.length, right.segments.length);
  for (let index = 0; index < length; index++) {
    const [one, other] = [left.segments[index], right.segments[index]];
    if (one === '*' && other === '*') break;
    if (one === '*') return !isRightWider;
    if (other === '*') return !isLeftWider;
    isLeftWider ||= one === ':' && other !== ':';
    isRightWider ||= other === ':' && one !== ':';
  }
  return !(isLeftWider && isRightWider);
}
