import type { ClientStream } from './client-stream';

/** High-water mark of the stream; the content of one packet may exceed it. */
const BUFFERED_BYTES = 64 * 1024;

/** A request body as a stream with backpressure to the client. */
export interface BodyStream {
  readonly stream: ReadableStream<Uint8Array>;
  push(part: Buffer): void;
  end(): void;
  /** Errors the stream: the rest of the body will not arrive. */
  fail(reason: Error): void;
}

export function createBodyStream(client: Pick<ClientStream, 'pause' | 'resume'>): BodyStream {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const stream = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given;
      },
      pull: () => client.resume(),
      cancel() {
        controller = null;
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFERED_BYTES }),
  );
  return {
    stream,
    push(part) {
      if (controller === null) return;
      controller.enqueue(part);
      if ((controller.desiredSize ?? 0) <= 0) client.pause();
    },
    end() {
      controller?.close();
      controller = null;
    },
    fail(reason) {
      controller?.error(reason);
      controller = null;
    },
  };
}
