/** The bytes from `start` to `end`, inclusive, as in HTTP (RFC 9110, section 14.1.2). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A completely received file, staged on the local disk. Discard it in every case. */
export interface ReceivedFile {
  /** Digest of the bytes in lower-case hexadecimal: their name in the storage. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** Path of the staged file, until `discard`. */
  readonly path: string;
  /** Stores the file atomically. Idempotent. */
  keep(): Promise<void>;
  /** Removes the staged file; the stored one remains. */
  discard(): Promise<void>;
}

/**
 * Content-addressed file storage: a file is named by the SHA-256 of its bytes, so duplicates are stored once, and no name
 * chosen by a client becomes a path. Callers count references and decide when to delete a file.
 */
export interface FileStorage {
  /**
   * Streams bytes to a staged file and hashes them; they are never all in memory.
   *
   * @throws BodyTooLarge at the first byte beyond `maximumBytes`, and whatever the source throws; the staged file is removed
   */
  receive(
    source: AsyncIterable<Uint8Array>,
    options: { readonly maximumBytes: number },
  ): Promise<ReceivedFile>;
  /** @throws BytesMissing when the file is not in the storage */
  read(sha256: string, range?: ByteRange): Promise<ReadableStream<Uint8Array>>;
  holds(sha256: string): Promise<boolean>;
  /** Idempotent: a missing file counts as deleted. */
  delete(sha256: string): Promise<void>;
  /** The names of all files, in no particular order. */
  list(): AsyncIterable<string>;
  /** Removes staged files of processes that died before they kept or discarded them. */
  removeAbandoned(olderThanMs: number): Promise<void>;
  /** Rejects when the storage is unavailable. */
  check(): Promise<void>;
}

/** The file is not in the storage. */
export class BytesMissing extends Error {
  override readonly name = 'BytesMissing';
  constructor(options?: ErrorOptions) {
    super('File not in storage', options);
  }
}

const SHA256 = /^[0-9a-f]{64}$/;

/** @throws TypeError for anything but a SHA-256 in lower-case hexadecimal: nothing else may become a path */
export function assertSha256(name: string): string {
  if (!SHA256.test(name)) throw new TypeError('Files are named by their SHA-256');
  return name;
}

/** Whether a name is a SHA-256 in lower-case hexadecimal. */
export const isSha256 = (name: string): boolean => SHA256.test(name);
