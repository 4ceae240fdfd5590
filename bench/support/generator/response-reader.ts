/** Finds the ends of the responses on one connection (RFC 9112). Reads no more of them than it must. */
export interface ResponseReader {
  /** Adds received bytes. @returns whether the response is complete @throws when it is not HTTP/1.1 */
  add(bytes: Buffer): boolean;
  /** Of the complete response. */
  status(): number;
  /** A header field of it, by its name in lower case. */
  header(name: string): string | undefined;
  /** Whether the server closes the connection after it. */
  isLast(): boolean;
  /** Of the complete response, decoded. */
  body(): string;
  /** Forgets the response before the next is read. */
  reset(): void;
}

const HEAD_END = '\r\n\r\n';

export function createResponseReader(): ResponseReader {
  let received: Buffer | undefined;
  let bodyStart = 0;
  /** Where the response ends; -1 while that is unknown. */
  let end = -1;
  let isChunked = false;
  let head = '';

  function readHead(bytes: Buffer): boolean {
    const at = bytes.indexOf(HEAD_END);
    if (at === -1) return false;
    bodyStart = at + HEAD_END.length;
    head = bytes.toString('latin1', 0, at).toLowerCase();
    if (!head.startsWith('http/1.1 ')) throw new Error('The response is not HTTP/1.1');
    const length = headerOf('content-length');
    isChunked = length === undefined && headerOf('transfer-encoding') === 'chunked';
    const hasBody = statusOf() !== 204 && statusOf() !== 304;
    if (length === undefined && !isChunked && hasBody) throw new Error('The response has no length');
    if (!isChunked) end = bodyStart + (hasBody ? Number(length) : 0);
    return true;
  }

  function headerOf(name: string): string | undefined {
    const at = head.indexOf(`\r\n${name}:`);
    if (at === -1) return undefined;
    const start = at + name.length + 3;
    const lineEnd = head.indexOf('\r\n', start);
    return head.slice(start, lineEnd === -1 ? undefined : lineEnd).trim();
  }

  const statusOf = () => Number(head.slice(9, 12));

  return {
    add(bytes) {
      const all = received === undefined ? bytes : Buffer.concat([received, bytes]);
      received = all;
      if (bodyStart === 0 && !readHead(all)) return false;
      if (isChunked) end = chunksOf(all, bodyStart)?.end ?? -1;
      if (end !== -1 && all.length > end) throw new Error('More was received than the response');
      return end === all.length;
    },
    status: statusOf,
    header: headerOf,
    isLast: () => headerOf('connection') === 'close',
    body() {
      const all = received ?? Buffer.alloc(0);
      const parts = isChunked ? (chunksOf(all, bodyStart)?.parts ?? []) : [all.subarray(bodyStart, end)];
      return Buffer.concat(parts).toString();
    },
    reset() {
      received = undefined;
      bodyStart = 0;
      end = -1;
      isChunked = false;
    },
  };
}

/** The chunks of a body, and where it ends; undefined while it is incomplete. Trailers are not supported. */
function chunksOf(bytes: Buffer, start: number): { parts: Buffer[]; end: number } | undefined {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const dataStart = lineEnd + 2;
    at = dataStart + size + 2;
    if (at > bytes.length) return undefined;
    if (size === 0) return { parts, end: at };
    parts.push(bytes.subarray(dataStart, dataStart + size));
  }
}
