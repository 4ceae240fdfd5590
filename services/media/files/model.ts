import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { PageOf, PageQuery } from '#kit/http/lists/pagination';
import { nullable } from '#kit/http/schemas';
import { text } from '#kit/text/schema';

export const FileNotFound = defineProblem('file.not-found', 404, 'File not found');

const MAX_TAGS = 20;

const Timestamp = Type.String({ format: 'date-time' });
const Count = nullable(Type.Integer());

export const SizeName = Type.Union([
  Type.Literal('thumb'),
  Type.Literal('small'),
  Type.Literal('medium'),
  Type.Literal('large'),
]);
export type SizeName = Static<typeof SizeName>;

const Status = Type.Union([Type.Literal('processing'), Type.Literal('ready'), Type.Literal('rejected')]);
export const Visibility = Type.Union([Type.Literal('public'), Type.Literal('private')]);

const Tag = text({ max: 64, maxUnits: 256 }, { pattern: '^[^\\n\\t,]+$' });
export const TagList = Type.Array(Tag, { maxItems: MAX_TAGS });
export const TagReplacement = Type.Object({
  tags: Type.Array(Tag, { maxItems: MAX_TAGS, uniqueItems: true }),
});

export const FileChange = Type.Object(
  {
    visibility: Type.Optional(Visibility),
    category_id: Type.Optional(nullable(Uuid)),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type FileChange = Static<typeof FileChange>;

/** The fields of one version, which a file shows of its current version. */
export const contentFields = {
  version: Type.Integer(),
  file_name: Type.String(),
  type: Type.String({ description: 'Media type, detected from the content' }),
  size: Type.Integer({ description: 'Bytes: of the original for its owner, of what they get for others' }),
  checksum: Type.String({ description: 'SHA-256 of the same, in hexadecimal' }),
  status: Status,
  code: nullable(Type.String({ description: 'Why it was rejected' })),
  width: Count,
  height: Count,
  frames: Count,
  thumbhash: nullable(Type.String({ description: 'Base64; see https://evanw.github.io/thumbhash/' })),
  dominant_color: nullable(Type.String({ examples: ['#1a2b3c'] })),
  url: Type.String(),
  created_at: Timestamp,
};

export const File = Type.Object({
  id: Type.String(),
  owner_id: Type.String(),
  bucket_name: Type.String(),
  category_id: nullable(Type.String()),
  visibility: Visibility,
  tags: Type.Array(Type.String()),
  ...contentFields,
  url_expires_at: nullable(Timestamp, { description: 'Null where the URL does not expire' }),
  sizes: Type.Array(
    Type.Object({ name: SizeName, width: Type.Integer(), height: Type.Integer(), url: Type.String() }),
  ),
  updated_at: Timestamp,
});
export type File = Static<typeof File>;
export const FilePage = PageOf(File);

export const FileUrl = Type.Object({ url: Type.String(), expires_at: nullable(Timestamp) });
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
