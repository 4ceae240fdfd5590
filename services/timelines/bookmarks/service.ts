import type { Caller } from '#kit/auth/caller';
import type { TimelinesDeps } from '../deps';
import { openViewer } from '../people/viewer';
import { requireVisible } from '../posts/service';
import { deleteBookmark, insertBookmark } from './store';

export async function addBookmark(deps: TimelinesDeps, caller: Caller, id: string): Promise<void> {
  await requireVisible(deps, await openViewer(deps, caller.id), id);
  await insertBookmark(deps.database, { userId: caller.id, postId: id, since: await deps.nextId() });
}

export const removeBookmark = (deps: TimelinesDeps, caller: Caller, id: string): Promise<void> =>
  deleteBookmark(deps.database, caller.id, id);
