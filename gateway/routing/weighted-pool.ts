/** Members to draw from, each as often as its weight says; as cheap for a thousand members as for three. */
export interface WeightedPool<Member> {
  readonly members: readonly Member[];
  /** Two different members; twice the same when there is only one. Null when there is none. */
  drawTwo(random: () => number): { readonly first: Drawn<Member>; readonly second: Drawn<Member> } | null;
}

export interface Drawn<Member> {
  readonly member: Member;
  /** Of all weight in the pool, from 0 to 1. */
  readonly share: number;
}

/** Members of weight 0 are left out. */
export function createWeightedPool<Member extends { readonly weight: number }>(
  candidates: readonly Member[],
): WeightedPool<Member> {
  const members = candidates.filter(({ weight }) => weight > 0);
  const totalWeight = members.reduce((sum, { weight }) => sum + weight, 0);
  const drawn: Drawn<Member>[] = members.map((member) => ({ member, share: member.weight / totalWeight }));
  const ends = runningSums(members);

  /** The member in whose stretch of the line from 0 to the total weight a point lies. */
  function indexAt(point: number): number {
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (point < (ends[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  return {
    members,
    drawTwo(random) {
      const firstIndex = indexAt(random() * totalWeight);
      const first = drawn[firstIndex];
      if (first === undefined) return null;
      // The second point is drawn from the line with the first member's stretch cut out.
      const point = random() * (totalWeight - first.member.weight);
      const stretchStart = (ends[firstIndex] ?? 0) - first.member.weight;
      const second = drawn[indexAt(point < stretchStart ? point : point + first.member.weight)];
      return { first, second: members.length === 1 || second === undefined ? first : second };
    },
  };
}

function runningSums(members: readonly { readonly weight: number }[]): number[] {
  let sum = 0;
  return members.map(({ weight }) => (sum += weight));
}
