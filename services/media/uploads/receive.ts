import type { Caller } from '#kit/auth/caller';
import { validated } from '#kit/errors/validation';
import type { Occurrence } from '#kit/http/body/multipart';
import { readIdempotencyKey } from '#kit/http/idempotency';
import type { MediaDeps } from '../deps';
import type { File } from '../files/model';
import { receiveForm } from './form';
import { AVATAR_BYTES, UPLOAD_BYTES, UploadFields } from './model';
import { createFile, createVersion, DEFAULT_FIELDS } from './service';

/** A repeated field of tags, or one that separates them by commas. */
const UPLOAD_FIELDS = {
  file_tags: 'repeated',
  bucket_name: 'once',
  category_id: 'once',
  visibility: 'once',
} as const satisfies Record<keyof UploadFields, Occurrence>;

/** Stores the file of a form. */
export async function receiveFile(deps: MediaDeps, caller: Caller, request: Request): Promise<File> {
  const idempotencyKey = readIdempotencyKey(request.headers);
  const { fields, ...upload } = await receiveForm(deps.storage, request, {
    maxBytes: UPLOAD_BYTES,
    fields: UPLOAD_FIELDS,
  });
  try {
    return await createFile(deps, caller, {
      upload,
      fields: readUploadFields(fields),
      idempotencyKey,
      route: '/files/upload',
    });
  } finally {
    await upload.file.discard();
  }
}

/** Stores the picture of a form as the caller's avatar. */
export async function receiveAvatar(deps: MediaDeps, caller: Caller, request: Request): Promise<File> {
  const idempotencyKey = readIdempotencyKey(request.headers);
  const { fields: _, ...upload } = await receiveForm(deps.storage, request, {
    maxBytes: AVATAR_BYTES,
    fields: {},
  });
  return createFile(deps, caller, {
    upload,
    fields: DEFAULT_FIELDS,
    isAvatar: true,
    idempotencyKey,
    route: '/files/upload/avatar',
  });
}

/** Stores the file of a form as the newest version of an existing file. */
export async function receiveVersion(
  deps: MediaDeps,
  caller: Caller,
  id: string,
  request: Request,
): Promise<File> {
  const idempotencyKey = readIdempotencyKey(request.headers);
  const { fields: _, ...upload } = await receiveForm(deps.storage, request, {
    maxBytes: UPLOAD_BYTES,
    fields: {},
  });
  return createVersion(deps, caller, id, { upload, idempotencyKey });
}

/** @throws ValidationFailed */
export function readUploadFields(fields: ReadonlyMap<string, readonly string[]>): UploadFields {
  const last = (name: string) => fields.get(name)?.at(-1) || undefined;
  const tags = (fields.get('file_tags') ?? []).flatMap((value) => value.split(','));
  return validated(UploadFields, {
    file_tags: [...new Set(tags.map((tag) => tag.trim()).filter((tag) => tag !== ''))],
    bucket_name: last('bucket_name') ?? DEFAULT_FIELDS.bucket_name,
    category_id: last('category_id') ?? DEFAULT_FIELDS.category_id,
    visibility: last('visibility') ?? DEFAULT_FIELDS.visibility,
  });
}
