import type { Socket } from 'bun';
import { createResponseReader, type ResponseReader } from './response-reader';

/** A keep-alive connection that carries one request at a time. */
export interface Connection<Request> {
  readonly socket: Socket<Connection<Request>>;
  readonly reader: ResponseReader;
  /** The request that has not been answered. */
  current: Request | undefined;
  /** False once either side has closed it. */
  isOpen: boolean;
  /** What the kernel has not taken yet. */
  unsent: Uint8Array | undefined;
}

export interface ConnectionEvents<Request> {
  /** The connection is free for the next request if it is open. The reader holds the response until the call returns. */
  answered(connection: Connection<Request>, request: Request): void;
  /** The connection is gone, and with it its request, if it has one. */
  closed(connection: Connection<Request>, request: Request | undefined, why: string): void;
}

/** Opens a connection. @throws when it is refused */
export async function connect<Request>(
  url: URL,
  events: ConnectionEvents<Request>,
): Promise<Connection<Request>> {
  const opened = Promise.withResolvers<Connection<Request>>();
  const end = (socket: Socket<Connection<Request>>, why: string) => {
    const { data } = socket;
    if (!data.isOpen) return;
    data.isOpen = false;
    const request = data.current;
    data.current = undefined;
    socket.terminate();
    events.closed(data, request, why);
  };
  await Bun.connect<Connection<Request>>({
    hostname: url.hostname,
    port: Number(url.port),
    socket: {
      open(socket) {
        socket.setNoDelay(true);
        socket.data = {
          socket,
          reader: createResponseReader(),
          current: undefined,
          isOpen: true,
          unsent: undefined,
        };
        opened.resolve(socket.data);
      },
      data(socket, bytes) {
        const { reader, current } = socket.data;
        if (current === undefined) return end(socket, 'an unexpected response');
        try {
          if (!reader.add(bytes)) return;
        } catch (failure) {
          return end(socket, failure instanceof Error ? failure.message : 'an invalid response');
        }
        socket.data.current = undefined;
        socket.data.isOpen = !reader.isLast();
        events.answered(socket.data, current);
        reader.reset();
        if (!socket.data.isOpen) socket.end();
      },
      drain(socket) {
        const { unsent } = socket.data;
        if (unsent !== undefined) write(socket.data, unsent);
      },
      close: (socket) => end(socket, 'a closed connection'),
      error: (socket) => end(socket, 'a broken connection'),
    },
  });
  return opened.promise;
}

export function send<Request>(connection: Connection<Request>, request: Request, bytes: Uint8Array): void {
  connection.current = request;
  write(connection, bytes);
}

function write<Request>(connection: Connection<Request>, bytes: Uint8Array): void {
  const written = connection.socket.write(bytes);
  connection.unsent = written < bytes.length ? bytes.slice(Math.max(0, written)) : undefined;
}
