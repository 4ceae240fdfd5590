import { create, type DescField, toBinary } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { ValidationFailed } from '#kit/errors/problem';
import { type MultipartForm, readMultipart } from '#kit/http/body/multipart';
import { messageOfTexts } from './request-message';
import type { TranscodedRoute } from './rules';
import type { UploadFields } from './upload-fields';

/** The field that holds the file, as in the services' own forms. */
const FILE = 'file';
/** Fields of the message that come from the file itself. */
const OF_FILE = ['file_name', 'content_type'];
const MAX_FIELDS = 20;
/** Bytes of one message. A few of them are buffered at a time, however large the file is. */
const DATA_BYTES = 64 * 1024;

/**
 * A form with one file as the messages of an upload: first the description of the file, then its bytes as they arrive.
 * Fields in front of the file go into the first message.
 *
 * The stream of messages throws what `readMultipart` rejects with: MalformedBody when the form breaks off,
 * ValidationFailed when it holds no file, or a field that the first message has no room for.
 *
 * @throws UnsupportedMediaType for anything but a form
 */
export const uploadMessages = (
  route: TranscodedRoute,
  upload: UploadFields,
  request: Request,
): AsyncIterable<Uint8Array> => {
  const fields = upload.startMessage.fields.filter(({ name }) => !OF_FILE.includes(name));
  const known = Object.fromEntries(fields.map(({ name }) => [name, 'once' as const]));
  return messagesOf(
    route,
    upload,
    readMultipart(request, { fileField: FILE, fields: known, maxFields: MAX_FIELDS }),
  );
};

async function* messagesOf(
  { rpc }: TranscodedRoute,
  { start, startMessage, data }: UploadFields,
  form: MultipartForm,
): AsyncGenerator<Uint8Array> {
  const messageWith = (field: DescField, value: unknown) => {
    const message = reflect(rpc.input, create(rpc.input));
    message.set(field, value);
    return toBinary(rpc.input, message.message);
  };
  try {
    const { fileName, contentType, bytes } = await form.file;
    const texts = new Map([...form.fields].map(([name, values]) => [name, values[0] ?? '']));
    if (fileName !== undefined) texts.set('file_name', fileName);
    texts.set('content_type', contentType);
    yield messageWith(start, reflect(startMessage, messageOfTexts(startMessage, texts)));
    for await (const piece of bytes)
      for (let from = 0; from < piece.length; from += DATA_BYTES)
        yield messageWith(data, piece.subarray(from, from + DATA_BYTES));
    await form.complete;
    // The service has received the first message: it cannot be told any more.
    const late = [...form.fields.keys()].find((name) => !texts.has(name));
    if (late !== undefined)
      throw new ValidationFailed({ errors: [{ field: late, message: 'Expected in front of the file' }] });
  } finally {
    form.abort();
  }
}
