/** The bytes at `start` up to and with `end`, as HTTP counts them (RFC 9110, section 14.1.2). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Bytes that have arrived whole and lie in a file of this machine, not yet in the storage. Discard it in every case. */
export interface ReceivedFile {
  /** Of the bytes, in lower-case hexadecimal: their name in the storage. */
  readonly sha256: string;
  readonly size: number;
  /** Where they lie until `discard`. */
  readonly path: string;
  /** Puts them into the storage, whole or not at all. They may be there already; may be called again. */
  keep(): Promise<void>;
  /** Removes the file; what was kept stays. */
  discard(): Promise<void>;
}

/**
 * Files by their content: the name of one is the SHA-256 of its bytes, so what is sent twice is stored once, and no
 * name that a client chose comes near a path. Who counts the references decides when one is deleted.
 */
export interface FileStorage {
  /**
   * Takes bytes in as they come, counting and hashing, never all of them in memory.
   *
   * @throws BodyTooLarge at the first byte beyond `maximumBytes`, and whatever the source throws; nothing stays behind
   */
  receive(
    source: AsyncIterable<Uint8Array>,
    options: { readonly maximumBytes: number },
  ): Promise<ReceivedFile>;
  /** @throws BytesMissing when it does not hold them */
  read(sha256: string, range?: ByteRange): Promise<ReadableStream<Uint8Array>>;
  holds(sha256: string): Promise<boolean>;
  /** What is not there counts as deleted. */
  delete(sha256: string): Promise<void>;
  /** The names of all it holds, in no order. */
  list(): AsyncIterable<string>;
  /** Removes what was received by processes that died before they could keep or discard it. */
  removeAbandoned(olderThanMs: number): Promise<void>;
  /** Rejects when it cannot be used now. */
  check(): Promise<void>;
}

/** The storage does not hold these bytes. */
export class BytesMissing extends Error {
  override readonly name = 'BytesMissing';
  constructor(options?: ErrorOptions) {
    super('The storage does not hold these bytes', options);
  }
}

const SHA256 = /^[0-9a-f]{64}$/;

/** @throws TypeError for anything but a SHA-256 in lower-case hexadecimal: nothing else ever becomes a path */
export function assertSha256(name: string): string {
  if (!SHA256.test(name)) throw new TypeError('Files are named by their SHA-256');
  return name;
}

export const isSha256 = (name: string): boolean => SHA256.test(name);
