import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { MalformedBody, Problem, UnsupportedMediaType, ValidationFailed } from '../../errors/problem';
import { canonicalContentType, mediaTypeOf } from '../../text/media-type';
import { unknownFields } from './unknown-members';

/** The one file of a form. */
export interface MultipartFile {
  readonly fileName: string | undefined;
  /** As the client declares it; `text/plain` where it declares nothing (RFC 7578, section 4.4). */
  readonly contentType: string;
  /** Read it to its end, or abort the form. Throws what `complete` rejects with when the form breaks off. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A form that is being read. Abort it, or wait for `complete`, in every case. */
export interface MultipartForm {
  /** The fields read so far; all of them once `complete` has resolved. A repeated field has several values. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** Resolves when the file begins. Rejects with ValidationFailed when the form holds none, else like `complete`. */
  readonly file: Promise<MultipartFile>;
  /**
   * Resolves when the form has been read to its end: until then the file is not known to be whole. Rejects with the
   * reason it was aborted with, with BodyTooLarge, or with MalformedBody when the form breaks off.
   */
  readonly complete: Promise<void>;
  /** Stops reading, because nothing more is needed. The first reason wins. */
  abort(reason?: unknown): void;
}

/** How often a field may stand in a form. */
export type Occurrence = 'once' | 'repeated';

export interface MultipartOptions {
  /** The field that holds the file; null for a form without one. */
  readonly fileField: string | null;
  /** The fields besides the file; another one is refused. Any field, any number of times, unless given. */
  readonly fields?: Readonly<Record<string, Occurrence>>;
  /** Fields besides the file, repeated ones counted each time. */
  readonly maxFields: number;
}

/** The part of a request that holds its form. */
export interface FormSource {
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly signal: AbortSignal | null;
}

const MAX_FIELD_NAME_BYTES = 100;
const MAX_FIELD_BYTES = 4 * 1024;
const MAX_HEADER_PAIRS = 50;

/**
 * Reads a `multipart/form-data` body (RFC 7578) with at most one file as it arrives. Backpressure reaches the client:
 * nothing is read beyond what the consumer of `file.bytes` takes. A form is taken whole or refused: a field that `options`
 * does not name, one too many or one too long ends it with ValidationFailed, and text that is no UTF-8 with MalformedBody.
 *
 * @throws UnsupportedMediaType for any other media type, MalformedBody without a body or a boundary
 */
export function readMultipart(request: FormSource, options: MultipartOptions): MultipartForm {
  const contentType = request.headers.get('content-type') ?? '';
  // Without any parameter it is not that of a form: nobody can tell its parts.
  if (mediaTypeOf(contentType) !== 'multipart/form-data' || !contentType.includes(';'))
    throw new UnsupportedMediaType({ detail: 'Send multipart/form-data.' });
  const { body } = request;
  if (body === null) throw new MalformedBody();
  const parser = createParser(contentType, options.maxFields);
  const fields = new Map<string, string[]>();
  const file = Promise.withResolvers<MultipartFile>();
  const aborting = new AbortController();
  const refuse = (problem: Problem | undefined) => problem !== undefined && aborting.abort(problem);
  let stream: BusboyFileStream | undefined;

  parser.on('field', (sentName: string | undefined, value, _nameTruncated, isTruncated) => {
    const name = sentName ?? '';
    const earlier = fields.get(name) ?? [];
    refuse(problemOfField(options, { name, value, isTruncated, isRepeated: earlier.length > 0 }));
    fields.set(name, [...earlier, value]);
  });
  for (const limit of ['fieldsLimit', 'partsLimit'] as const)
    parser.on(limit, () => refuse(tooMany('body', options.maxFields)));
  parser.on('filesLimit', () => refuse(tooMany(options.fileField ?? 'body', 1)));
  // The pipeline reports errors of the parser and of its file; one without a listener would end the process.
  parser.on('error', () => undefined);
  parser.on('file', (sentField: string | undefined, part, fileName, _encoding, type) => {
    const field = sentField ?? '';
    part.on('error', () => undefined);
    const problem = problemOfFile(options, field, fileName);
    if (problem !== undefined) {
      part.resume();
      refuse(problem);
      return;
    }
    stream = part;
    file.resolve({
      fileName: fileName || undefined,
      contentType: type,
      bytes: bytesOf(part, () => complete),
    });
  });

  async function read(source: ReadableStream<Uint8Array>): Promise<void> {
    const signals = [aborting.signal, ...(request.signal === null ? [] : [request.signal])];
    try {
      await pipeline(source, parser, { signal: AbortSignal.any(signals) });
    } catch (failure) {
      // Before the file is destroyed: its consumer may abort the form with that as the reason.
      const reason = reasonOf(aborting.signal, failure);
      stream?.destroy(failure instanceof Error ? failure : new Error('the form was aborted'));
      throw reason;
    }
    // Refused in the last bytes, when there was nothing left to abort.
    if (aborting.signal.aborted) throw aborting.signal.reason;
  }
  const complete = read(body);
  // Not at the parser's `finish`, which a form that breaks off also reaches. Without effect where a file has begun.
  complete.then(
    () => file.reject(new ValidationFailed({ errors: [{ field: 'file', message: 'Expected a file' }] })),
    file.reject,
  );
  // Every consumer gets the rejection all the same; unhandled it would end the process.
  file.promise.catch(() => undefined);
  return {
    fields,
    file: file.promise,
    complete,
    abort: (reason) => aborting.abort(reason),
  };
}

interface ReceivedField {
  readonly name: string;
  readonly value: string;
  readonly isTruncated: boolean;
  readonly isRepeated: boolean;
}

function problemOfField(
  { fields }: MultipartOptions,
  { name, value, isTruncated, isRepeated }: ReceivedField,
): Problem | undefined {
  if (!isUtf8(name) || !isUtf8(value)) return notUtf8();
  const occurrence = fields === undefined ? 'repeated' : Object.hasOwn(fields, name) ? fields[name] : null;
  if (occurrence === null) return unknownFields([[name]], 'body');
  if (isTruncated) return invalid(name, `At most ${MAX_FIELD_BYTES} bytes`);
  return isRepeated && occurrence === 'once' ? invalid(name, 'Expected one value') : undefined;
}

function problemOfFile(
  { fileField }: MultipartOptions,
  field: string,
  fileName: string | undefined,
): Problem | undefined {
  if (!isUtf8(field) || !isUtf8(fileName ?? '')) return notUtf8();
  return field === fileField ? undefined : unknownFields([[field]], 'body');
}

/**
 * The parser puts U+FFFD in place of bytes that are no UTF-8. One that was sent as such cannot be told from these, and is
 * itself what remains of a damaged text.
 */
const isUtf8 = (text: string): boolean => !text.includes('\ufffd') && text.isWellFormed();

const notUtf8 = (): Problem => new MalformedBody({ detail: 'Names and values of a form must be UTF-8.' });

const invalid = (field: string, message: string): Problem =>
  new ValidationFailed({ errors: [{ field, message }] });

const tooMany = (field: string, limit: number): Problem => invalid(field, `At most ${limit}`);

/** @throws MalformedBody when the media type names no boundary */
function createParser(contentType: string, maxFields: number): BusboyInstance {
  const limits = {
    files: 1,
    fields: maxFields,
    parts: maxFields + 2,
    fieldNameSize: MAX_FIELD_NAME_BYTES,
    fieldSize: MAX_FIELD_BYTES,
    headerPairs: MAX_HEADER_PAIRS,
  };
  try {
    return new Busboy({ headers: { 'content-type': canonicalContentType(contentType) }, limits });
  } catch (cause) {
    throw new MalformedBody({ cause });
  }
}

async function* bytesOf(part: BusboyFileStream, complete: () => Promise<void>): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of part) yield bytes;
  } catch (failure) {
    // What broke the file broke the form, which knows the reason.
    await complete();
    throw failure;
  }
}

function reasonOf(aborted: AbortSignal, failure: unknown): unknown {
  if (aborted.aborted) return aborted.reason;
  return failure instanceof Problem ? failure : new MalformedBody({ cause: failure });
}
