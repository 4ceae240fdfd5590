import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { OutboundFailure } from './target';

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * Reads a body up to its limit, counted after decompression as well: a small response must not become a large one.
 *
 * @throws OutboundFailure
 */
export async function readBounded(
  response: IncomingMessage,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    response.destroy();
    throw new OutboundFailure('too-large');
  }
  const source = decoded(response);
  const stop = () => {
    response.destroy();
    source.destroy(new Error('The request was aborted'));
  };
  signal.addEventListener('abort', stop);
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of source as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxBytes) throw new OutboundFailure('too-large');
      parts.push(part);
    }
    return Uint8Array.from(Buffer.concat(parts));
  } finally {
    signal.removeEventListener('abort', stop);
    response.destroy();
    source.destroy();
  }
}

/** @throws OutboundFailure for a coding that was not asked for */
function decoded(response: IncomingMessage): Readable {
  const coding = response.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (coding === 'identity') return response;
  const create = DECODERS[coding];
  if (create === undefined) {
    response.destroy();
    throw new OutboundFailure('refused-media-type');
  }
  const decoder = create();
  response.once('error', (failure) => decoder.destroy(failure));
  return response.pipe(decoder);
}
