/** The last transaction that a node has applied, as `mariadbd --wsrep-recover` logs it. */
export interface GaleraPosition {
  /** `<uuid of the cluster>:<number>`. */
  readonly text: string;
  readonly number: bigint;
}

/** @returns undefined for a node that has applied nothing, or whose data are incomplete */
export function parsePosition(log: string): GaleraPosition | undefined {
  const [, uuid = '', number = ''] = /Recovered position: ([0-9a-f-]{36}):(-?[0-9]{1,19})/.exec(log) ?? [];
  if (uuid === '' || number.startsWith('-')) return undefined;
  return { text: `${uuid}:${number}`, number: BigInt(number) };
}

/** The node that has applied the most transactions: the only one that lacks none of them. The first of equal ones. */
export function mostAdvanced<Node extends { readonly position: GaleraPosition | undefined }>(
  nodes: readonly Node[],
): Node {
  const [first, ...others] = nodes;
  if (first === undefined) throw new Error('The cluster has no node');
  const numberOf = ({ position }: Node) => position?.number ?? -1n;
  return others.reduce((best, node) => (numberOf(node) > numberOf(best) ? node : best), first);
}
