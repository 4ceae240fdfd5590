import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { nullable } from '#kit/http/schemas';
import { TagList, Visibility } from '../files/model';

export const FileEmpty = defineProblem('file.empty', 422, 'Empty file');
export const FileTypeNotAllowed = defineProblem('file.type-not-allowed', 415, 'File type not allowed');
export const FileTypeMismatch = defineProblem('file.type-mismatch', 415, 'File type mismatch');
export const QuotaExceeded = defineProblem('file.quota-exceeded', 413, 'Storage quota exceeded');
export const TooManyVersions = defineProblem('file.too-many-versions', 409, 'Too many file versions');

/** The size of one file, and of the form around it. */
export const UPLOAD_BYTES = 100 * 1024 * 1024;
export const AVATAR_BYTES = 5 * 1024 * 1024;
const FORM_BYTES = 64 * 1024;
export const UPLOAD_BODY_BYTES = UPLOAD_BYTES + FORM_BYTES;
export const AVATAR_BODY_BYTES = AVATAR_BYTES + FORM_BYTES;
/** For clients on slow lines; one that sends nothing is disconnected earlier. */
export const UPLOAD_TIMEOUT_MS = 600_000;

/** The fields of a form or a resumable upload besides the file. */
export const UploadFields = Type.Object({
  file_tags: TagList,
  bucket_name: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' }),
  category_id: nullable(Uuid),
  visibility: Visibility,
});
export type UploadFields = Static<typeof UploadFields>;

const FILE = Type.String({ format: 'binary' });

/** The bodies are streamed and never validated by a schema: these are for the OpenAPI document. */
export const FILE_FORM = Type.Object({ file: FILE });
export const UPLOAD_FORM = Type.Object({
  file: FILE,
  file_tags: Type.Optional(Type.String({ description: 'Comma-separated, or a repeated field' })),
  bucket_name: Type.Optional(Type.String({ default: 'chat-bucket' })),
  category_id: Type.Optional(Type.String({ format: 'uuid' })),
  visibility: Type.Optional(
    Type.Union([Type.Literal('private'), Type.Literal('public')], { default: 'private' }),
  ),
});
