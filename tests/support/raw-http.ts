import { connect, type Socket } from 'node:net';

/** One response as received: the header fields by lower-case name, and the content without its framing. */
export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A connection that sends raw bytes and parses responses strictly by RFC 9112. */
export interface RawConnection {
  readonly socket: Socket;
  /** All received bytes, as latin-1. */
  text(): string;
  /** Whether the peer has ended or reset the connection. */
  closed(): boolean;
  send(bytes: string): void;
  /** Resolves with all complete responses, once `enough` accepts them or the connection is closed. */
  responses(enough: (responses: readonly RawResponse[]) => boolean): Promise<RawResponse[]>;
  end(): void;
}

const DEADLINE_MS = 10_000;

/**
 * @param methods of the requests in order, where they matter: the response to HEAD has no body
 * @param from the address to connect from; on Linux all of 127.0.0.0/8 is loopback
 */
export function rawConnection(
  port: number,
  methods: readonly string[] = [],
  from: string = '127.0.0.1',
): RawConnection {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true, noDelay: true });
  let text = '';
  let closed = false;
  let changed = () => {};
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    changed();
  });
  for (const event of ['end', 'error', 'close'])
    socket.on(event, () => {
      closed = true;
      changed();
    });
  return {
    socket,
    text: () => text,
    closed: () => closed,
    send: (bytes) => void socket.write(bytes, 'latin1'),
    async responses(enough) {
      const deadline = performance.now() + DEADLINE_MS;
      for (;;) {
        const whole = readResponses(text, methods, closed);
        if (closed || enough(whole)) return whole;
        const leftMs = deadline - performance.now();
        if (leftMs <= 0)
          throw new Error(`Timed out after ${DEADLINE_MS} ms: ${JSON.stringify(text.slice(0, 1_000))}`);
        await nextChange(leftMs);
      }
    },
    end: () => void socket.destroy(),
  };

  function nextChange(timeoutMs: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    changed = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }
}

/** The complete final responses at the start of the text; interim responses are skipped. */
export function readResponses(text: string, methods: readonly string[], closed: boolean): RawResponse[] {
  const responses: RawResponse[] = [];
  let rest = text;
  for (;;) {
    const headEnd = rest.indexOf('\r\n\r\n');
    if (headEnd === -1) return responses;
    const [statusLine = '', ...lines] = rest.slice(0, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? Number.NaN);
    if (Number.isNaN(status)) throw new Error(`Invalid status line: ${JSON.stringify(statusLine)}`);
    const headers = new Map(lines.map(fieldOf));
    rest = rest.slice(headEnd + 4);
    if (status < 200 && status !== 101) continue;
    const bodyless = methods[responses.length] === 'HEAD' || [101, 204, 304].includes(status);
    const read = bodyless ? { body: '', length: 0 } : readBody(rest, headers, closed);
    if (read === null) return responses;
    responses.push({ status, headers, body: read.body });
    rest = rest.slice(read.length);
    if (status === 101) return responses;
  }
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

/** @returns null when the body is incomplete */
function readBody(text: string, headers: ReadonlyMap<string, string>, closed: boolean) {
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(text);
  const declared = headers.get('content-length');
  if (declared === undefined) return closed ? { body: text, length: text.length } : null;
  const length = Number(declared);
  return text.length < length ? null : { body: text.slice(0, length), length };
}

function readChunks(text: string) {
  let body = '';
  let position = 0;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', position);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(text.slice(position, lineEnd), 16);
    if (size === 0) {
      const end = text.indexOf('\r\n\r\n', lineEnd);
      return end === -1 ? null : { body, length: end + 4 };
    }
    const dataEnd = lineEnd + 2 + size;
    if (text.length < dataEnd + 2) return null;
    body += text.slice(lineEnd + 2, dataEnd);
    position = dataEnd + 2;
  }
}
