import { type Occurrence, readMultipart } from '#kit/http/body/multipart';
import type { FileStorage, ReceivedFile } from '#kit/storage/file-storage';

/** Generous: `file_tags` may be repeated. */
const MAX_FIELDS = 40;

/** A form that was received whole. Discard its file in every case. */
export interface ReceivedForm {
  readonly file: ReceivedFile;
  readonly fileName: string | undefined;
  readonly contentType: string | undefined;
  /** A repeated field has several values. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

export interface FormLimits {
  /** Of the file. */
  readonly maxBytes: number;
  /** The fields besides the file. */
  readonly fields: Readonly<Record<string, Occurrence>>;
}

/**
 * Receives a form with one `file`, whose bytes are streamed to the storage's staging area.
 *
 * @throws what `readMultipart` throws, and BodyTooLarge for a file beyond `maxBytes`; nothing is left behind
 */
export async function receiveForm(
  storage: FileStorage,
  request: Request,
  { maxBytes, fields }: FormLimits,
): Promise<ReceivedForm> {
  const form = readMultipart(request, { fileField: 'file', fields, maxFields: MAX_FIELDS });
  const { fileName, contentType, bytes } = await form.file;
  const receiving = storage.receive(bytes, { maximumBytes: maxBytes });
  // Nothing more needs to be read of a file that is refused.
  receiving.catch(form.abort);
  try {
    await form.complete;
  } catch (failure) {
    const received = await receiving.catch(() => undefined);
    await received?.discard();
    throw failure;
  }
  return { file: await receiving, fileName, contentType, fields: form.fields };
}
