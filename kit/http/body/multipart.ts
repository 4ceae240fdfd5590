import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { MalformedBody, Problem, UnsupportedMediaType, ValidationFailed } from '../../errors/problem';
import { canonicalContentType, mediaTypeOf } from '../../text/media-type';

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

export interface MultipartOptions {
  /** The field that holds the file; a file in another field is skipped. Any field unless given. */
  readonly fileField?: string;
  /** Fields besides the file. Further ones are ignored. */
  readonly maxFields: number;
}

const MAX_FIELD_NAME_BYTES = 100;
const MAX_FIELD_BYTES = 4 * 1024;
const MAX_HEADER_PAIRS = 50;

/**
 * Reads a `multipart/form-data` body (RFC 7578) with one file as it arrives. Backpressure reaches the client: nothing is
 * read beyond what the consumer of `file.bytes` takes.
 *
 * @throws UnsupportedMediaType for any other media type, MalformedBody without a body or a boundary
 */
export function readMultipart(request: Request, options: MultipartOptions): MultipartForm {
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
  let stream: BusboyFileStream | undefined;

  parser.on('field', (name, value) => fields.set(name, [...(fields.get(name) ?? []), value]));
  // The pipeline reports errors of the parser and of its file; one without a listener would end the process.
  parser.on('error', () => undefined);
  parser.on('file', (field, part, fileName, _encoding, type) => {
    part.on('error', () => undefined);
    if (stream !== undefined || (options.fileField ?? field) !== field) return void part.resume();
    stream = part;
    file.resolve({
      fileName: fileName || undefined,
      contentType: type,
      bytes: bytesOf(part, () => complete),
    });
  });

  async function read(source: ReadableStream<Uint8Array>): Promise<void> {
    try {
      await pipeline(source, parser, { signal: AbortSignal.any([aborting.signal, request.signal]) });
    } catch (failure) {
      // Before the file is destroyed: its consumer may abort the form with that as the reason.
      const reason = reasonOf(aborting.signal, failure);
      stream?.destroy(failure instanceof Error ? failure : new Error('the form was aborted'));
      throw reason;
    }
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

/** @throws MalformedBody when the media type names no boundary */
function createParser(contentType: string, maxFields: number): BusboyInstance {
  const limits = {
    files: 1,
    fields: maxFields,
    parts: maxFields + 1,
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
