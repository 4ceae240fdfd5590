import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/pagination';

export const FileNotFound = defineProblem('file.not-found', 404, 'There is no such file');
export const FileSizeNotFound = defineProblem(
  'file.size-not-found',
  404,
  'This file does not come in that size',
);
export const FileNotReady = defineProblem('file.not-ready', 409, 'This file is still being looked at');
export const FileRejected = defineProblem('file.rejected', 409, 'This file was found to be unusable');
export const FileEmpty = defineProblem('file.empty', 422, 'The file has no content');
export const FileTypeNotAllowed = defineProblem(
  'file.type-not-allowed',
  415,
  'Files of this kind are not accepted',
);
export const FileTypeMismatch = defineProblem(
  'file.type-mismatch',
  415,
  'The file is not what its name or type says',
);
export const QuotaExceeded = defineProblem(
  'file.quota-exceeded',
  413,
  'There is no room left for your files',
);
export const VersionNotFound = defineProblem('file.version-not-found', 404, 'There is no such version');
export const TooManyVersions = defineProblem(
  'file.too-many-versions',
  409,
  'This file has as many versions as there may be',
);
export const BytesNotStored = defineProblem(
  'file.bytes-missing',
  409,
  'The storage does not hold these bytes',
);
export const RangeNotSatisfiable = defineProblem(
  'file.range-not-satisfiable',
  416,
  'The file does not have these bytes',
);
export const TooManyUploads = defineProblem(
  'upload.too-many',
  409,
  'You have begun as many uploads as you may',
);
export const UploadNotFound = defineProblem('upload.not-found', 404, 'There is no such upload');
export const UploadAtWrongOffset = defineProblem(
  'upload.wrong-offset',
  409,
  'The upload goes on at another byte',
);
export const UploadGone = defineProblem('upload.gone', 410, 'This upload is over');
export const UploadOfWrongVersion = defineProblem(
  'upload.wrong-version',
  412,
  'Only version 1.0.0 of tus is spoken here',
);
export const UploadTooLarge = defineProblem('upload.too-large', 413, 'The upload is larger than allowed');
export const UploadOfWrongType = defineProblem(
  'upload.wrong-type',
  415,
  'Send application/offset+octet-stream',
);
export const UploadRefused = defineProblem('upload.refused', 400, 'This is not how tus uploads work');

/** Of one file, and of the body around it. */
export const UPLOAD_BYTES = 100 * 1024 * 1024;
export const AVATAR_BYTES = 5 * 1024 * 1024;
const FORM_BYTES = 64 * 1024;
export const UPLOAD_BODY_BYTES = UPLOAD_BYTES + FORM_BYTES;
export const AVATAR_BODY_BYTES = AVATAR_BYTES + FORM_BYTES;
export const MOST_TAGS = 20;

const Nullable = (type: ReturnType<typeof Type.String>) => Type.Union([type, Type.Null()]);
const Moment = Type.String({ format: 'date-time' });
const Count = Type.Union([Type.Integer(), Type.Null()]);

export const SizeName = Type.Union([
  Type.Literal('thumb'),
  Type.Literal('small'),
  Type.Literal('medium'),
  Type.Literal('large'),
]);
export type SizeName = Static<typeof SizeName>;

export const Status = Type.Union([
  Type.Literal('processing'),
  Type.Literal('ready'),
  Type.Literal('rejected'),
]);
export const Visibility = Type.Union([Type.Literal('public'), Type.Literal('private')]);

const Tag = Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\u0000-\\u001f,]+$' });
export const Tags = Type.Object({ tags: Type.Array(Tag, { maxItems: MOST_TAGS, uniqueItems: true }) });

/** What a form or a resumable upload says beside the bytes. */
export const UploadFields = Type.Object({
  file_tags: Type.Array(Tag, { maxItems: MOST_TAGS }),
  bucket_name: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' }),
  category_id: Type.Union([Uuid, Type.Null()]),
  visibility: Visibility,
});
export type UploadFields = Static<typeof UploadFields>;

export const FileChange = Type.Object(
  {
    visibility: Type.Optional(Visibility),
    category_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type FileChange = Static<typeof FileChange>;

/** Of one version of a file. */
const Content = {
  version: Type.Integer(),
  file_name: Type.String(),
  type: Type.String({ description: 'Media type, as found in the bytes' }),
  size: Type.Integer({ description: 'Bytes' }),
  checksum: Type.String({ description: 'SHA-256 of the bytes, in hexadecimal' }),
  status: Status,
  code: Nullable(Type.String({ description: 'Why it was rejected' })),
  width: Count,
  height: Count,
  frames: Count,
  thumbhash: Nullable(Type.String({ description: 'Base64; see https://evanw.github.io/thumbhash/' })),
  dominant_color: Nullable(Type.String({ examples: ['#1a2b3c'] })),
  url: Type.String(),
  created_at: Moment,
};

export const FileVersion = Type.Object({ ...Content, current: Type.Boolean() });
export type FileVersion = Static<typeof FileVersion>;
export const FileVersionPage = PageOf(FileVersion);

export const File = Type.Object({
  id: Type.String(),
  owner_id: Type.String(),
  bucket_name: Type.String(),
  category_id: Nullable(Type.String()),
  visibility: Visibility,
  tags: Type.Array(Type.String()),
  ...Content,
  url_expires_at: Type.Union([Moment, Type.Null()], { description: 'Null where it holds for ever' }),
  sizes: Type.Array(
    Type.Object({ name: SizeName, width: Type.Integer(), height: Type.Integer(), url: Type.String() }),
  ),
  updated_at: Moment,
});
export type File = Static<typeof File>;
export const FilePage = PageOf(File);

export const FileUrl = Type.Object({ url: Type.String(), expires_at: Type.Union([Moment, Type.Null()]) });
export type FileUrl = Static<typeof FileUrl>;

export const FileQuery = Type.Composite([
  PageQuery,
  Type.Object({
    tag: Type.Optional(Tag),
    category: Type.Optional(Uuid),
    owner: Type.Optional(Type.Union([Uuid, Type.Literal('me')])),
    type: Type.Optional(
      Type.String({ pattern: '^[a-z]+/([a-z0-9.+-]+|\\*)$', examples: ['image/png', 'image/*'] }),
    ),
  }),
]);
export type FileQuery = Static<typeof FileQuery>;

export const FileParams = Type.Object({ id: Type.String({ maxLength: 36 }) });
export const SizeParams = Type.Object({ id: Type.String({ maxLength: 36 }), size: SizeName });
export const VersionParams = Type.Object({
  id: Type.String({ maxLength: 36 }),
  version: t.Integer({ minimum: 1, maximum: 1_000_000 }),
});
export const ContentQuery = Type.Object({
  token: Type.Optional(Type.String({ maxLength: 1_000, description: 'Of a signed URL' })),
  version: Type.Optional(t.Integer({ minimum: 1, maximum: 1_000_000 })),
  v: Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'Beginning of the checksum: with it the answer may be kept for ever',
    }),
  ),
  download: Type.Optional(t.BooleanString({ description: 'As an attachment in every case' })),
});
export type ContentQuery = Static<typeof ContentQuery>;

const Checksum = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Pixels = Type.Integer({ minimum: 1, maximum: 100_000 });

/** What the worker tells of a picture. */
export const Processed = Type.Object({
  id: Uuid,
  version: Type.Integer({ minimum: 1 }),
  width: Pixels,
  height: Pixels,
  frames: Type.Integer({ minimum: 1, maximum: 100_000 }),
  thumbhash: Type.Uint8Array({ minByteLength: 1, maxByteLength: 40 }),
  dominant_color: Type.String({ pattern: '^#[0-9a-f]{6}$' }),
  sizes: Type.Array(
    Type.Object({
      name: SizeName,
      type: Type.String({ pattern: '^image/(webp|jpeg|png|gif)$' }),
      checksum: Checksum,
      size: Type.Integer({ minimum: 1 }),
      width: Pixels,
      height: Pixels,
    }),
    { minItems: 1, maxItems: 8 },
  ),
});
export type Processed = Static<typeof Processed>;

export const Rejected = Type.Object({
  id: Uuid,
  version: Type.Integer({ minimum: 1 }),
  code: Type.String({ pattern: '^[a-z0-9.-]{1,64}$' }),
});
export type Rejected = Static<typeof Rejected>;
