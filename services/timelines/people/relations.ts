/** The relations of a viewer with others. A set is null when it is too large to be remembered (`relationsAmong`). */
export interface Relations {
  readonly followed: ReadonlySet<string> | null;
  readonly muted: ReadonlySet<string> | null;
  /** In either direction. */
  readonly blocked: ReadonlySet<string> | null;
}

/** How a viewer stands to an author. */
export interface Relation {
  readonly followed: boolean;
  readonly muted: boolean;
  readonly blocked: boolean;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Those of an anonymous viewer. */
export const NO_RELATIONS: Relations = { followed: NOBODY, muted: NOBODY, blocked: NOBODY };

/** Whether everything about the viewer is in memory. */
export const isComplete = (relations: Relations): boolean =>
  relations.followed !== null && relations.muted !== null && relations.blocked !== null;

/** Number of people in all sets: the weight of a cache entry. */
export const sizeOf = ({ followed, muted, blocked }: Relations): number =>
  1 + (followed?.size ?? 0) + (muted?.size ?? 0) + (blocked?.size ?? 0);
