import { Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';

export const TooManyUploads = defineProblem('upload.too-many', 409, 'Too many unfinished uploads');
export const UploadNotFound = defineProblem('upload.not-found', 404, 'Upload not found');
export const UploadAtWrongOffset = defineProblem('upload.wrong-offset', 409, 'Upload offset mismatch');
export const UploadGone = defineProblem('upload.gone', 410, 'Upload expired');
export const UploadOfWrongVersion = defineProblem('upload.wrong-version', 412, 'tus version not supported');
export const UploadTooLarge = defineProblem('upload.too-large', 413, 'Upload too large');
export const UploadOfWrongType = defineProblem('upload.wrong-type', 415, 'Upload content type not supported');
export const UploadRefused = defineProblem('upload.refused', 400, 'Invalid tus request');

export const ResumableParams = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{32}$' }) });
