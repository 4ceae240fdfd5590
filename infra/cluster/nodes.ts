/** The nodes of a cluster: a majority of three survives the loss of one; Redis has a replica of each of three masters. */
const FAMILIES = {
  mariadb: { nodes: 3, firstHost: 11 },
  redis: { nodes: 6, firstHost: 21 },
  rabbitmq: { nodes: 3, firstHost: 31 },
  beanstalkd: { nodes: 3, firstHost: 41 },
  s3: { nodes: 1, firstHost: 51 },
} as const;

/** The servers that a cluster consists of. */
export type Family = keyof typeof FAMILIES;

export interface NodeAddress {
  /** `mariadb-1`. */
  readonly name: string;
  /** The last number of its IPv4 address, one of its own for every node of the cluster. */
  readonly host: number;
}

/** The nodes of a family, in order. */
export const nodesOf = (family: Family): NodeAddress[] =>
  Array.from({ length: FAMILIES[family].nodes }, (_, index) => ({
    name: `${family}-${index + 1}`,
    host: FAMILIES[family].firstHost + index,
  }));

export const allNodes = (): NodeAddress[] =>
  (Object.keys(FAMILIES) as Family[]).flatMap((family) => nodesOf(family));
