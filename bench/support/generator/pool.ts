import { type Connection, connect, send } from './connections';
import type { PreparedRequest } from './requests';
import type { ResponseReader } from './response-reader';

/** A request and when it was due: its latency counts from then, however late it is sent. */
export interface Due {
  readonly request: PreparedRequest;
  readonly dueMs: number;
}

/** Connections that send requests as soon as one is free. */
export interface Pool {
  send(due: Due): void;
  /** Requests that no connection was free for. */
  waiting(): number;
  /** Requests without a response, the waiting ones with them. */
  pending(): number;
  close(): void;
}

/** Above what a gateway's admission control lets wait. */
const MAX_CONNECTIONS = 1_000;

/**
 * Opens connections; more are opened while requests are waiting, and for those that the server has closed.
 *
 * @throws when no connection can be opened
 */
export async function openPool(
  url: URL,
  connections: number,
  events: {
    answered(due: Due, reader: ResponseReader): void;
    /** @param due undefined when a further connection could not be opened */
    failed(due: Due | undefined, why: string): void;
  },
): Promise<Pool> {
  const all = new Set<Connection<Due>>();
  const free: Connection<Due>[] = [];
  const waiting: Due[] = [];
  let opening = 0;
  let isClosing = false;

  function release(connection: Connection<Due>) {
    const next = waiting.shift();
    if (next === undefined) free.push(connection);
    else send(connection, next, next.request.bytes);
  }

  function forget(connection: Connection<Due>) {
    all.delete(connection);
    const at = free.indexOf(connection);
    if (at !== -1) free.splice(at, 1);
    if (!isClosing) grow();
  }

  async function open() {
    const connection = await connect<Due>(url, {
      answered(answering, due) {
        if (answering.isOpen) release(answering);
        else forget(answering);
        events.answered(due, answering.reader);
      },
      closed(lost, due, why) {
        forget(lost);
        if (due !== undefined) events.failed(due, why);
      },
    });
    all.add(connection);
    release(connection);
  }

  function grow() {
    if (all.size + opening >= MAX_CONNECTIONS) return;
    opening++;
    void open()
      .catch((failure: unknown) => events.failed(undefined, `no connection: ${failure}`))
      .finally(() => opening--);
  }

  await Promise.all(Array.from({ length: connections }, open));
  return {
    send(due) {
      const connection = free.pop();
      if (connection !== undefined) return send(connection, due, due.request.bytes);
      waiting.push(due);
      grow();
    },
    waiting: () => waiting.length,
    pending: () => waiting.length + [...all].filter(({ current }) => current !== undefined).length,
    close() {
      isClosing = true;
      for (const connection of all) {
        connection.isOpen = false;
        connection.socket.terminate();
      }
    },
  };
}
