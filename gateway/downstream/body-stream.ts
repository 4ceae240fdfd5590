import type { ClientSide } from './client-stream';

/** What may wait in memory for whoever reads a body; what a packet brings comes on top. */
const WAITING_BYTES = 64 * 1024;

/** The body of a request as a stream, read from the client only as fast as somebody takes it. */
export interface BodyStream {
  readonly stream: ReadableStream<Uint8Array>;
  push(span: Buffer): void;
  end(): void;
  /** Tells the reader that the rest will not come. */
  fail(reason: Error): void;
}

export function createBodyStream(client: Pick<ClientSide, 'pause' | 'resume'>): BodyStream {
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
    new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES }),
  );
  return {
    stream,
    push(span) {
      if (controller === null) return;
      controller.enqueue(span);
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
