import { Type } from '@sinclair/typebox';
import { defineEvent, Uuid } from '#contracts/messages';

/** A picture has been uploaded and is not processed yet. Its bytes are in the storage under `sha256`. */
export const PictureUploaded = defineEvent({
  name: 'picture.uploaded',
  version: 1,
  exchange: 'media',
  consumers: ['media'],
  data: Type.Object({
    media_id: Uuid,
    /** The version of the file: each upload under one id is a version. */
    version: Type.Integer({ minimum: 1 }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    /** Media type, detected from the bytes. */
    type: Type.String({ minLength: 1, maxLength: 100 }),
  }),
});

/**
 * A file has been stored, and what others than its owner get of it, a copy without metadata, is not made yet. Pictures that
 * are new are announced as such instead.
 */
export const FileStored = defineEvent({
  name: 'file.stored',
  version: 1,
  exchange: 'media',
  consumers: ['media-copies'],
  data: PictureUploaded.data,
});

/** A user has changed or removed their avatar. */
export const AvatarChanged = defineEvent({
  name: 'avatar.changed',
  version: 1,
  exchange: 'media',
  consumers: ['users-avatars'],
  data: Type.Object({
    user_id: Uuid,
    avatar_url: Type.Union([Type.String({ maxLength: 2048 }), Type.Null()]),
  }),
});
