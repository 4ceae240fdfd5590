import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create, type DescField, toBinary } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { Busboy, type BusboyFileStream } from '@fastify/busboy';
import { MalformedBody, Problem, UnsupportedMediaType, ValidationFailed } from '#kit/errors/problem';
import { messageOfTexts } from './request-message';
import type { TranscodedRoute } from './rules';
import type { UploadFields } from './upload-fields';

/** What a form may hold besides its one file. */
const LIMITS = { files: 1, fields: 20, parts: 21, fieldNameSize: 100, fieldSize: 4 * 1024, headerPairs: 50 };
/** Bytes of one message. What waits in memory is a few of these, however large the file is. */
const DATA_BYTES = 64 * 1024;

interface FilePart {
  readonly stream: BusboyFileStream;
  readonly name: string | undefined;
  readonly type: string;
}

/**
 * A form with one file as the messages of an upload: first what is said about the file, then its bytes as they come.
 * Fields that stand before the file go into the first message, where it has fields of their names.
 *
 * The stream of messages throws MalformedBody when the form breaks off, and ValidationFailed when it holds no file.
 *
 * @throws UnsupportedMediaType for anything but a form
 */
export function uploadMessages(
  route: TranscodedRoute,
  upload: UploadFields,
  request: Request,
): AsyncIterable<Uint8Array> {
  const contentType = request.headers.get('content-type') ?? '';
  if (!/^multipart\/form-data *;/i.test(contentType))
    throw new UnsupportedMediaType({ detail: 'Send multipart/form-data.' });
  if (request.body === null) throw new MalformedBody();
  const fields = new Map<string, string>();
  return messagesOf(route, upload, readForm({ contentType, body: request.body }, fields), fields);
}

async function* messagesOf(
  { rpc }: TranscodedRoute,
  { start, startMessage, data }: UploadFields,
  reading: ReadingForm,
  fields: Map<string, string>,
): AsyncGenerator<Uint8Array> {
  const messageWith = (field: DescField, value: unknown) => {
    const message = reflect(rpc.input, create(rpc.input));
    message.set(field, value);
    return toBinary(rpc.input, message.message);
  };
  try {
    const file = await reading.file;
    if (file.name !== undefined) fields.set('file_name', file.name);
    fields.set('content_type', file.type);
    yield messageWith(start, reflect(startMessage, messageOfTexts(startMessage, fields)));
    for await (const bytes of file.stream)
      for (let from = 0; from < bytes.length; from += DATA_BYTES)
        yield messageWith(data, bytes.subarray(from, from + DATA_BYTES));
    await reading.whole;
  } catch (failure) {
    throw failure instanceof Problem ? failure : new MalformedBody({ cause: failure });
  } finally {
    reading.stop();
  }
}

interface ReceivedForm {
  readonly contentType: string;
  readonly body: ReadableStream<Uint8Array>;
}

interface ReadingForm {
  /** Resolves when the file begins. */
  readonly file: Promise<FilePart>;
  /** Resolves when the form has been read to its end: before, it is not known to be whole. */
  readonly whole: Promise<void>;
  stop(): void;
}

/** @param fields gets the fields in front of the file */
function readForm({ contentType, body }: ReceivedForm, fields: Map<string, string>): ReadingForm {
  const file = Promise.withResolvers<FilePart>();
  const stopping = new AbortController();
  const form = formReader(contentType);
  form.on('field', (name, value) => void fields.set(name, value));
  form.on('file', (_field, stream, name, _encoding, type) => {
    // Told by the form too; without a listener it would end the process.
    stream.on('error', () => undefined);
    file.resolve({ stream, name, type });
  });
  form.on('finish', () =>
    file.reject(new ValidationFailed({ errors: [{ field: 'file', message: 'Expected a file' }] })),
  );
  const whole = pipeline(Readable.from(body), form, { signal: stopping.signal });
  whole.catch(file.reject);
  // Whoever waits for it gets it all the same; unheard it would end the process.
  file.promise.catch(() => undefined);
  return { file: file.promise, whole, stop: () => stopping.abort() };
}

/** @throws MalformedBody when the type names no boundary */
function formReader(contentType: string) {
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits: LIMITS });
  } catch (failure) {
    throw new MalformedBody({ cause: failure });
  }
}
