import type { Socket } from 'bun';

/** One request as the last server of the chain received it, byte for byte. */
export interface Recorded {
  /** Including the empty line. */
  readonly head: string;
  readonly target: string;
  /** Without its framing. */
  readonly body: string;
}

export interface Recorder {
  readonly port: number;
  readonly requests: Recorded[];
  stop(): void;
}

/** A server that records requests, parses them strictly by RFC 9112, and responds to each with 200. */
export function startRecorder(): Recorder {
  const requests: Recorded[] = [];
  const pending = new Map<Socket<undefined>, string>();
  const listener = Bun.listen<undefined>({
    hostname: '127.0.0.1',
    port: 0,
    data: undefined,
    socket: {
      data(socket, bytes) {
        let text = (pending.get(socket) ?? '') + bytes.toString('latin1');
        for (let read = readRequest(text); read !== null; read = readRequest(text)) {
          requests.push(read.request);
          text = text.slice(read.length);
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        }
        pending.set(socket, text);
      },
      close: (socket) => void pending.delete(socket),
    },
  });
  return {
    port: listener.port,
    requests,
    stop: () => listener.stop(true),
  };
}

function readRequest(text: string): { request: Recorded; length: number } | null {
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  if (headEnd === 3) return null;
  const head = text.slice(0, headEnd);
  const [, target = ''] = head.slice(0, head.indexOf('\r\n')).split(' ');
  if (/\r\ntransfer-encoding: chunked\r\n/i.test(head)) {
    const chunks = /^(?:[1-9a-f][0-9a-f]*\r\n[\s\S]*?\r\n)*?0\r\n\r\n/.exec(text.slice(headEnd))?.[0];
    if (chunks === undefined) return null;
    return { request: { head, target, body: contentOf(chunks) }, length: headEnd + chunks.length };
  }
  const length = Number(/\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1] ?? 0);
  if (text.length < headEnd + length) return null;
  return { request: { head, target, body: text.slice(headEnd, headEnd + length) }, length: headEnd + length };
}

function contentOf(chunks: string): string {
  let content = '';
  let rest = chunks;
  for (let size = Number.parseInt(rest, 16); size > 0; size = Number.parseInt(rest, 16)) {
    const start = rest.indexOf('\r\n') + 2;
    content += rest.slice(start, start + size);
    rest = rest.slice(start + size + 2);
  }
  return content;
}
