import type { Caller } from '#kit/auth/caller';
import { validated } from '#kit/errors/validation';
import { readIdempotencyKey } from '#kit/http/idempotency';
import { receiveForm } from './form';
import { AVATAR_BYTES, type File, UPLOAD_BYTES, UploadFields } from './model';
import type { MediaDeps } from './service';
import { createFile, createVersion, DEFAULT_FIELDS } from './upload';

/** Takes a form with a file. */
export async function receiveFile(deps: MediaDeps, request: Request, caller: Caller): Promise<File> {
  const idempotencyKey = readIdempotencyKey(request.headers);
  const { fields, ...upload } = await receiveForm(deps.storage, request, UPLOAD_BYTES);
  try {
    return await createFile(
      deps,
      { upload, fields: fieldsOf(fields), idempotencyKey, route: '/files/upload' },
      caller,
    );
  } finally {
    await upload.file.discard();
  }
}

/** Takes a form with a picture that becomes the caller's avatar. */
export async function receiveAvatar(deps: MediaDeps, request: Request, caller: Caller): Promise<File> {
  const idempotencyKey = readIdempotencyKey(request.headers);
  const { fields: _, ...upload } = await receiveForm(deps.storage, request, AVATAR_BYTES);
  return createFile(
    deps,
    { upload, fields: DEFAULT_FIELDS, avatar: true, idempotencyKey, route: '/files/upload/avatar' },
    caller,
  );
}

/** Takes a form with a file that becomes the newest version of one there is. */
export async function receiveVersion(
  deps: MediaDeps,
  id: string,
  request: Request,
  caller: Caller,
): Promise<File> {
  const idempotencyKey = readIdempotencyKey(request.headers);
  const { fields: _, ...upload } = await receiveForm(deps.storage, request, UPLOAD_BYTES);
  return createVersion(deps, id, { upload, idempotencyKey }, caller);
}

/** @throws ValidationFailed */
export function fieldsOf(fields: ReadonlyMap<string, readonly string[]>): UploadFields {
  const last = (name: string) => fields.get(name)?.at(-1) || undefined;
  const tags = (fields.get('file_tags') ?? []).flatMap((value) => value.split(','));
  return validated(UploadFields, {
    file_tags: [...new Set(tags.map((tag) => tag.trim()).filter((tag) => tag !== ''))],
    bucket_name: last('bucket_name') ?? DEFAULT_FIELDS.bucket_name,
    category_id: last('category_id') ?? DEFAULT_FIELDS.category_id,
    visibility: last('visibility') ?? DEFAULT_FIELDS.visibility,
  });
}
