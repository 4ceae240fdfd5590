import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import {
  BodyTooLarge,
  MalformedBody,
  Problem,
  UnsupportedMediaType,
  ValidationFailed,
} from '#kit/errors/problem';
import type { FileStorage, ReceivedFile } from '#kit/storage/file-storage';

/** What a form may hold besides its one file. */
const LIMITS = { files: 1, fields: 40, parts: 41, fieldNameSize: 100, fieldSize: 4 * 1024, headerPairs: 50 };

/** A form that has arrived whole. Its file is to be discarded in every case. */
export interface ReceivedForm {
  readonly file: ReceivedFile;
  readonly fileName: string | undefined;
  readonly contentType: string | undefined;
  /** A field that is sent several times has several values. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads a form with one file, whose bytes go to the storage's staging as they come and never all into memory.
 *
 * @throws BodyTooLarge, MalformedBody when the form breaks off, ValidationFailed when it holds no `file`,
 *   UnsupportedMediaType for anything but a form; nothing stays behind
 */
export async function receiveForm(
  storage: FileStorage,
  request: Request,
  maximumBytes: number,
): Promise<ReceivedForm> {
  const contentType = request.headers.get('content-type') ?? '';
  if (!/^multipart\/form-data *;/i.test(contentType))
    throw new UnsupportedMediaType({ detail: 'Send multipart/form-data.' });
  const { body } = request;
  if (body === null) throw new MalformedBody();
  const stopping = new AbortController();
  const form = openForm(contentType);
  const fields = new Map<string, string[]>();
  form.on('field', (name, value) => fields.set(name, [...(fields.get(name) ?? []), value]));

  let arriving: Arriving | undefined;
  // Both are told by the pipeline as well; without listeners of their own they would end the process.
  form.on('error', () => undefined);
  form.on('file', (field, stream, fileName, _encoding, type) => {
    let brokenBy: unknown;
    stream.on('error', (failure: unknown) => {
      brokenBy ??= failure;
    });
    if (field !== 'file' || arriving !== undefined) return void stream.resume();
    const received = storage.receive(stream, { maximumBytes });
    arriving = { stream, received, fileName: fileName || undefined, type: type || undefined };
    // Nothing more needs to be read of a file that cannot be taken.
    received.catch((failure: unknown) => {
      if (failure !== brokenBy) stopping.abort(failure);
    });
  });

  try {
    const signal = AbortSignal.any([stopping.signal, request.signal]);
    await pipeline(body, form, { signal });
  } catch (failure) {
    // Before the file is broken off as well, which would look like a reason.
    const reason = reasonOf(stopping.signal, failure);
    arriving?.stream.destroy(failure instanceof Error ? failure : new Error('the form broke off'));
    const received = await arriving?.received.catch(() => undefined);
    await received?.discard();
    throw reason;
  }
  if (arriving === undefined)
    throw new ValidationFailed({ errors: [{ field: 'file', message: 'Expected a file' }] });
  return {
    file: await arriving.received,
    fileName: arriving.fileName,
    contentType: arriving.type,
    fields,
  };
}

interface Arriving {
  readonly stream: BusboyFileStream;
  readonly received: Promise<ReceivedFile>;
  readonly fileName: string | undefined;
  readonly type: string | undefined;
}

function openForm(contentType: string): BusboyInstance {
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits: LIMITS });
  } catch (cause) {
    // It says no boundary.
    throw new MalformedBody({ cause });
  }
}

function reasonOf(stopped: AbortSignal, failure: unknown): unknown {
  if (stopped.aborted) return stopped.reason;
  if (failure instanceof Error && 'code' in failure && failure.code === 'ERR_BODY_TOO_LARGE')
    return new BodyTooLarge();
  return failure instanceof Problem ? failure : new MalformedBody({ cause: failure });
}
