import { createParser } from 'eventsource-parser';

export interface Received {
  readonly id: string;
  readonly name: string;
  readonly data: Record<string, unknown>;
}

export interface Listener {
  readonly status: number;
  readonly received: Received[];
  /** The `Last-Event-ID` that a browser would send on reconnect. */
  lastEventId(): string | undefined;
  /** Resolves when either side has ended the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens a stream of server-sent events over a real connection; resolves with its response head. */
export async function listenTo(
  url: string,
  options: { authorization?: string; lastEventId?: string | undefined } = {},
): Promise<Listener> {
  const stop = new AbortController();
  const response = await fetch(url, {
    signal: stop.signal,
    headers: {
      accept: 'text/event-stream',
      ...(options.authorization !== undefined && { authorization: options.authorization }),
      ...(options.lastEventId !== undefined && { 'last-event-id': options.lastEventId }),
    },
  });
  const received: Received[] = [];
  let text = '';
  const parser = createParser({
    onEvent: ({ id = '', event = '', data }) => received.push({ id, name: event, data: JSON.parse(data) }),
  });
  async function read() {
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) {
      const part = decoder.decode(bytes, { stream: true });
      text += part;
      parser.feed(part);
    }
  }
  return {
    status: response.status,
    received,
    // Parsed from the text: events without data carry ids as well, but reach no handler.
    lastEventId: () => [...text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? options.lastEventId,
    ended: read().catch(() => undefined),
    close: () => stop.abort(),
  };
}
