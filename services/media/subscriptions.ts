import { PostCreated, PostDeleted, PostImported } from '#contracts/events/posts';
import { UserDeleted } from '#contracts/events/users';
import type { MessageOf } from '#contracts/messages';
import type { Rabbit } from '#kit/messaging/rabbit/client';
import { consumeEvents } from '#kit/messaging/rabbit/consumer';
import { publishAttachments, unpublishAttachments } from './attachments/service';
import type { MediaDeps } from './deps';
import { deleteFilesOfUser } from './files/service';

/** Not `media`, which is the worker's queue. */
const CONSUMER = 'media-records';

/** Deletion is idempotent, and posts are recorded with the files they show, so no inbox is needed. */
export function subscribe(deps: MediaDeps, rabbit: Rabbit): void {
  consumeEvents(deps.runtime, rabbit, {
    consumer: CONSUMER,
    events: [UserDeleted, PostCreated, PostImported, PostDeleted],
    prefetch: 10,
    handle: (message) => applyEvent(deps, message),
  });
}

export type MediaEvent = MessageOf<
  typeof UserDeleted | typeof PostCreated | typeof PostImported | typeof PostDeleted
>;

/** Deletes the files of an erased user. The files of a public post are public for as long as there is one. */
export async function applyEvent(deps: MediaDeps, event: MediaEvent): Promise<void> {
  switch (event.name) {
    case 'user.deleted':
      return deleteFilesOfUser(deps, event.data.id);
    case 'post.created':
    case 'post.imported':
      if (event.data.visibility !== 'public') return;
      return publishAttachments(deps, {
        ...postOf(event.data),
        isImported: event.name === 'post.imported',
      });
    case 'post.deleted':
      return unpublishAttachments(deps, postOf(event.data));
  }
}

const postOf = (post: { id: string; author_id: string; media_ids?: string[] | undefined }) => ({
  id: post.id,
  ownerId: post.author_id,
  mediaIds: post.media_ids ?? [],
});
