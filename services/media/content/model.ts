import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { defineProblem } from '#kit/errors/problem';
import { SizeName } from '../files/model';
import { VersionNumber } from '../versions/model';

export const FileSizeNotFound = defineProblem('file.size-not-found', 404, 'File size not found');
export const FileNotReady = defineProblem('file.not-ready', 409, 'File still processing');
export const FileRejected = defineProblem('file.rejected', 409, 'File rejected');
export const FileOwnerOnly = defineProblem('file.owner-only', 403, 'File only for its owner');
export const RangeNotSatisfiable = defineProblem('file.range-not-satisfiable', 416, 'Range not satisfiable');

export const SizeParams = Type.Object({ id: Type.String({ maxLength: 36 }), size: SizeName });
const parameters = {
  token: Type.Optional(Type.String({ maxLength: 1_000, description: 'The token of a signed URL' })),
  version: Type.Optional(VersionNumber),
  v: Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'Prefix of the checksum, which makes the response immutable for caches',
    }),
  ),
  download: Type.Optional(t.BooleanString({ description: 'Always send as an attachment' })),
};
export const SizeQuery = Type.Object(parameters);
export const ContentQuery = Type.Object({
  ...parameters,
  original: Type.Optional(
    t.BooleanString({
      description:
        'Exactly what was uploaded, with metadata like the place where a picture was taken; only for the owner',
    }),
  ),
});
export type ContentQuery = Static<typeof ContentQuery>;
