import { create, type DescField, toBinary } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { type MultipartForm, readMultipart } from '#kit/http/body/multipart';
import { messageOfTexts } from './request-message';
import type { TranscodedRoute } from './rules';
import type { UploadFields } from './upload-fields';

const MAX_FIELDS = 20;
/** Bytes of one message. A few of them are buffered at a time, however large the file is. */
const DATA_BYTES = 64 * 1024;

/**
 * A form with one file as the messages of an upload: first the description of the file, then its bytes as they arrive.
 * Fields in front of the file go into the first message, where it has fields of their names.
 *
 * The stream of messages throws what `readMultipart` rejects with: MalformedBody when the form breaks off,
 * ValidationFailed when it holds no file.
 *
 * @throws UnsupportedMediaType for anything but a form
 */
export const uploadMessages = (
  route: TranscodedRoute,
  upload: UploadFields,
  request: Request,
): AsyncIterable<Uint8Array> => messagesOf(route, upload, readMultipart(request, { maxFields: MAX_FIELDS }));

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
    const texts = new Map([...form.fields].map(([name, values]) => [name, values.at(-1) ?? '']));
    if (fileName !== undefined) texts.set('file_name', fileName);
    texts.set('content_type', contentType);
    yield messageWith(start, reflect(startMessage, messageOfTexts(startMessage, texts)));
    for await (const piece of bytes)
      for (let from = 0; from < piece.length; from += DATA_BYTES)
        yield messageWith(data, piece.subarray(from, from + DATA_BYTES));
    await form.complete;
  } finally {
    form.abort();
  }
}
