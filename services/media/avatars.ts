import { eq } from 'drizzle-orm';
import { AvatarChanged } from '#contracts/events/media';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import type { Transaction } from '#kit/mysql/database';
import type { FileUrls } from './file-urls';
import { mediaAvatars } from './schema';
import type { MediaRow, VersionRow } from './store';

/** Big enough for every place a face is shown in. */
const AVATAR_SIZE = 'small';

/** Makes a file the one that is, once it is ready, the person's avatar. */
export async function setAvatar(transaction: Transaction, ownerId: string, mediaId: string): Promise<void> {
  await transaction
    .insert(mediaAvatars)
    .values({ ownerId, mediaId })
    .onDuplicateKeyUpdate({ set: { mediaId } });
}

/** Tells everybody where a person's avatar is, when this version of this file has become it. */
export async function announceAvatar(
  deps: { readonly urls: FileUrls },
  transaction: Transaction,
  media: MediaRow,
  version: VersionRow,
): Promise<void> {
  if (version.status !== 'ready' || version.version !== media.currentVersion) return;
  // A later upload may have taken its place while this one was being looked at.
  if (!(await isAvatar(transaction, media))) return;
  const { url } = await deps.urls.contentUrl(
    { id: media.id, visibility: media.visibility, checksum: version.sha256 },
    { size: AVATAR_SIZE },
  );
  await tell(transaction, media.ownerId, url);
}

/** Tells everybody that a person has no avatar any more, when the file that is deleted was it. */
export async function forgetAvatar(transaction: Transaction, media: MediaRow): Promise<void> {
  if (!(await isAvatar(transaction, media))) return;
  await transaction.delete(mediaAvatars).where(eq(mediaAvatars.ownerId, media.ownerId));
  await tell(transaction, media.ownerId, null);
}

async function isAvatar(transaction: Transaction, media: MediaRow): Promise<boolean> {
  const [avatar] = await transaction
    .select()
    .from(mediaAvatars)
    .where(eq(mediaAvatars.ownerId, media.ownerId))
    .for('update');
  return avatar?.mediaId === media.id;
}

const tell = (transaction: Transaction, userId: string, avatarUrl: string | null): Promise<void> =>
  writeOutbox(transaction, [
    outboxEntry(
      AvatarChanged,
      { user_id: userId, avatar_url: avatarUrl },
      { aggregate: { type: 'avatar', id: userId, version: 1 }, actor: userId },
    ),
  ]);
