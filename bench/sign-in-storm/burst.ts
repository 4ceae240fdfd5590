import { type Connection, connect, send } from '../support/generator/connections';

/** What happened to a sign-in: status 0 when the connection broke, or no response came. */
export interface Answer {
  readonly status: number;
  readonly ms: number;
  readonly retryAfter: string | undefined;
}

export interface Caller {
  readonly username: string;
  /** The address that the request is forwarded for. */
  readonly address: string;
}

const TIMEOUT_MS = 60_000;
/** Connections that are being opened at the same time. */
const CONNECTING = 100;

/**
 * Sends a sign-in for each caller at the same moment, each on a connection of its own that has been opened before.
 *
 * @param options.leaveAfterMs when every caller closes the connection; by default they wait for a minute
 */
export async function signInAtOnce(
  url: URL,
  callers: readonly Caller[],
  options: { password: string; leaveAfterMs?: number },
): Promise<Answer[]> {
  const answers: Promise<Answer>[] = [];
  const starts: (() => void)[] = [];
  const leave: (() => void)[] = [];
  for (let first = 0; first < callers.length; first += CONNECTING)
    await Promise.all(callers.slice(first, first + CONNECTING).map(prepare));
  for (const start of starts) start();
  const { leaveAfterMs = TIMEOUT_MS } = options;
  const left = setTimeout(() => {
    for (const end of leave) end();
  }, leaveAfterMs);
  const all = await Promise.all(answers);
  clearTimeout(left);
  return all;

  async function prepare(caller: Caller): Promise<void> {
    const answered = Promise.withResolvers<Answer>();
    let sentMs = 0;
    const settle = (status: number, retryAfter?: string) =>
      answered.resolve({ status, ms: performance.now() - sentMs, retryAfter });
    const connection: Connection<Caller> = await connect<Caller>(url, {
      answered({ reader, socket }) {
        settle(reader.status(), reader.header('retry-after'));
        socket.end();
      },
      closed: () => settle(0),
    });
    answers.push(answered.promise);
    starts.push(() => {
      sentMs = performance.now();
      send(connection, caller, requestOf(url, caller, options.password));
    });
    leave.push(() => {
      settle(0);
      connection.socket.terminate();
    });
  }
}

function requestOf(url: URL, { username, address }: Caller, password: string): Uint8Array {
  const body = JSON.stringify({ username, password });
  return Buffer.from(
    [
      'POST /login HTTP/1.1',
      `Host: ${url.host}`,
      `X-Forwarded-For: ${address}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}
