/** Weighted random selection in logarithmic time. */
export interface WeightedPool<Member> {
  readonly members: readonly Member[];
  /** Two different members; the same one twice when there is only one. Null when it is empty. */
  drawTwo(random: () => number): { readonly first: Drawn<Member>; readonly second: Drawn<Member> } | null;
}

export interface Drawn<Member> {
  readonly member: Member;
  /** Of the total weight, from 0 to 1. */
  readonly share: number;
}

/** Candidates of weight 0 are excluded. */
export function createWeightedPool<Member extends { readonly weight: number }>(
  candidates: readonly Member[],
): WeightedPool<Member> {
  const members = candidates.filter(({ weight }) => weight > 0);
  const totalWeight = members.reduce((sum, { weight }) => sum + weight, 0);
  const drawn: Drawn<Member>[] = members.map((member) => ({ member, share: member.weight / totalWeight }));
  const ends = cumulativeSums(members);

  /** The member whose interval of the cumulative weights contains a point. */
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
      // The second point is drawn from the line without the first member's interval.
      const point = random() * (totalWeight - first.member.weight);
      const intervalStart = (ends[firstIndex] ?? 0) - first.member.weight;
      const second = drawn[indexAt(point < intervalStart ? point : point + first.member.weight)];
      return { first, second: members.length === 1 || second === undefined ? first : second };
    },
  };
}

function cumulativeSums(members: readonly { readonly weight: number }[]): number[] {
  let sum = 0;
  return members.map(({ weight }) => (sum += weight));
}
