import { createBodyDecoder } from '../../../gateway/http1/body-decoder';
import { createBodyEncoder } from '../../../gateway/http1/body-encoder';
import { MalformedMessage } from '../../../gateway/http1/malformed-message';
import type { IncomingRequest } from '../../../gateway/http1/message';
import { createRequestHeadReader } from '../../../gateway/http1/request-head';
import { connections } from '../cases/connections';
import { chunks, contentLength, transferEncoding } from '../cases/framing';
import { forwarding, headers } from '../cases/headers';
import { hosts } from '../cases/host';
import { paths, requestLine } from '../cases/request-line';
import { CRAFTED } from './crafted';

/** Every request of the suites, valid and hostile. */
const CORPUS: readonly string[] = [
  ...[connections, chunks, contentLength, transferEncoding, forwarding, headers, hosts, paths, requestLine]
    .flat()
    .map(({ send }) => send),
  ...CRAFTED.map(({ bytes }) => bytes('/a', 'GET /b HTTP/1.1\r\nHost: a\r\n\r\n')),
].filter((text) => text.length < 4_096);

const HOSTILE = [
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    '\0',
    '\t',
    ' ',
    ':',
    ';',
    ',',
    '\x0b',
    '\x7f',
    '\x80',
    '\xff',
    '0',
    '-',
    '+',
    'x',
  ],
  ...[
    'Host: b\r\n',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
  ],
  ...[
    ' HTTP/1.1',
    ' HTTP/1.0',
    'GET / HTTP/1.1\r\n',
    'POST ',
    'Expect: 100-continue\r\n',
    'Upgrade: websocket\r\n',
    'a'.repeat(300),
  ],
];

/** A deterministic random number generator in [0, 1) (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A request of the corpus with a few random changes. */
export function mutant(random: () => number): string {
  const below = (limit: number) => Math.floor(random() * limit);
  const one = (list: readonly string[]) => list[below(list.length)] ?? '';
  let text = one(CORPUS);
  for (let changes = below(5); changes > 0; changes--) {
    const at = below(text.length + 1);
    const length = below(8);
    const part = text.slice(at, at + length);
    const changed = [
      () => one(HOSTILE),
      () => one(HOSTILE) + part,
      () => '',
      () => part + part,
      () => String.fromCharCode(below(256)) + part.slice(1),
      () => part.toUpperCase(),
      () => one(CORPUS),
    ][below(7)];
    text = text.slice(0, at) + (changed?.() ?? '') + text.slice(at + length);
  }
  return text;
}

export interface Accepted {
  readonly request: IncomingRequest;
  readonly body: string;
}

const LIMITS = { targetBytes: 8 * 1024, fieldBytes: 16 * 1024, fieldCount: 100 };
/** The most bytes of a head, a chunk line or a trailer section before the reader must decide. */
const MAX_UNDECIDED_BYTES = LIMITS.targetBytes + LIMITS.fieldBytes + 64;

/**
 * The requests that the gateway's reader accepts of a text that arrives in random pieces.
 *
 * @throws any error of the reader except a rejection, and when it reads more bytes than a head may have
 */
export function acceptedOf(text: string, random: () => number): Accepted[] {
  const bytes = Buffer.from(text, 'latin1');
  const reader = createRequestHeadReader(LIMITS);
  const accepted: Accepted[] = [];
  let undecidedBytes = 0;
  let reading: {
    request: IncomingRequest;
    decoder: ReturnType<typeof createBodyDecoder>;
    body: string;
  } | null = null;
  const receiver = {
    content(part: Buffer, start: number, end: number) {
      undecidedBytes = 0;
      if (reading !== null) reading.body += part.toString('latin1', start, end);
    },
  };
  try {
    for (let position = 0; position < bytes.length; ) {
      const piece = bytes.subarray(position, position + 1 + Math.floor(random() * 200));
      const before = position;
      if (reading === null) {
        const request = reader.read(piece, 0);
        position += request === null ? piece.length : reader.consumed;
        if (request !== null) reading = { request, decoder: createBodyDecoder(request.framing), body: '' };
      } else position += reading.decoder.decode(piece, 0, receiver);
      undecidedBytes += position - before;
      if (reading?.decoder.done) {
        accepted.push({ request: reading.request, body: reading.body });
        reading = null;
        undecidedBytes = 0;
      }
      if (undecidedBytes > MAX_UNDECIDED_BYTES)
        throw new Error(`The reader has not decided after ${undecidedBytes} bytes`);
    }
  } catch (failure) {
    if (!(failure instanceof MalformedMessage)) throw failure;
  }
  return accepted;
}

/** An accepted request as the gateway writes it: the head line by line, the body in its framing. */
export function written({ request, body }: Accepted): string {
  const { method, target, headers: fields } = request.head;
  const parts: string[] = [];
  const sink = {
    push: (part: string) => void parts.push(part),
    pushBytes: (bytes: Buffer, start: number, end: number) =>
      void parts.push(bytes.toString('latin1', start, end)),
  };
  sink.push(`${method} ${target} HTTP/1.1\r\n`);
  if (!fields.some(([name]) => name.toLowerCase() === 'host')) sink.push('Host: a\r\n');
  for (const [name, value] of fields) sink.push(`${name}: ${value}\r\n`);
  sink.push('\r\n');
  const encoder = createBodyEncoder(request.framing);
  const bytes = Buffer.from(body, 'latin1');
  if (request.framing.kind !== 'none') {
    encoder.content(bytes, 0, bytes.length, sink);
    encoder.end([], sink);
  }
  return parts.join('');
}
