import type { TimelinesDeps } from '../deps';
import { NO_RELATIONS, type Relations } from './relations';

/** Who reads posts, with their relations as of the request. */
export interface Viewer {
  /** Null for an anonymous one. */
  readonly id: string | null;
  readonly relations: Relations;
}

type ViewerDeps = Pick<TimelinesDeps, 'caches' | 'changes'>;

/** The viewer of a request. What is remembered is current from here on: it includes all changes made before the request. */
export async function openViewer(deps: ViewerDeps, id: string | null): Promise<Viewer> {
  await deps.changes.current();
  return rememberedViewer(deps, id);
}

/** The viewer of a request that has read over the connection of the notifications, which makes them current as well. */
export async function rememberedViewer(
  { caches }: Pick<ViewerDeps, 'caches'>,
  id: string | null,
): Promise<Viewer> {
  if (id === null) return { id, relations: NO_RELATIONS };
  return { id, relations: (await caches.relations.get(id)) ?? NO_RELATIONS };
}
