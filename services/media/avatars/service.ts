import { AvatarChanged } from '#contracts/events/media';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';
import type { MediaDeps } from '../deps';
import type { MediaRow } from '../files/store';
import { shownChecksum } from '../versions/rules';
import type { VersionRow } from '../versions/store';
import * as store from './store';

/** Large enough for every place that shows an avatar. */
const AVATAR_SIZE = 'small';

/** Publishes `avatar.changed` when this version is ready, current, and of its owner's avatar. */
export async function publishAvatarIfReady(
  deps: Pick<MediaDeps, 'urls'>,
  transaction: Transaction,
  media: MediaRow,
  version: VersionRow,
): Promise<void> {
  if (version.status !== 'ready' || version.version !== media.currentVersion) return;
  // A later upload may have replaced it while this one was processed.
  if ((await store.lockAvatar(transaction, media.ownerId)) !== media.id) return;
  const { url } = await deps.urls.contentUrl(
    { id: media.id, visibility: media.visibility, checksum: shownChecksum(version) },
    { size: AVATAR_SIZE },
  );
  await publish(transaction, media.ownerId, url);
}

/** Publishes that a user has no avatar any more when the file that is being deleted or made private was it. */
export async function removeAvatarOf(transaction: Transaction, media: MediaRow): Promise<void> {
  if ((await store.lockAvatar(transaction, media.ownerId)) !== media.id) return;
  await store.deleteAvatar(transaction, media.ownerId);
  await publish(transaction, media.ownerId, null);
}

const publish = (transaction: Transaction, userId: string, avatarUrl: string | null): Promise<void> =>
  writeOutbox(transaction, [
    outboxEntry(
      AvatarChanged,
      { user_id: userId, avatar_url: avatarUrl },
      { aggregate: { type: 'avatar', id: userId, version: 1 }, actor: userId },
    ),
  ]);
