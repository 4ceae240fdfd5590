import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { Registered } from '#contracts/registry';

export const callAt = (base: string, path: string, method: string, bearer?: string, body?: unknown) =>
  fetch(base + path, {
    method,
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

/** A registration at an address of its own, the same for the same instance. */
export const registration = (name: string, more: Record<string, unknown> = {}) => ({
  name,
  version: '1.0.0',
  host: '127.0.0.1',
  port: 1_024 + (Bun.hash.crc32(`${name}/${more.instance_id}`) % 60_000),
  routes: [],
  prefixes: [name],
  ...more,
});

/** @throws when the registration is not accepted */
export async function registerAt(
  base: string,
  name: string,
  more: Record<string, unknown> = {},
): Promise<Registered> {
  const response = await callAt(base, '/register', 'POST', undefined, registration(name, more));
  if (response.status !== 201) throw new Error(`The registration failed with status ${response.status}`);
  return (await response.json()) as Registered;
}

/** Opens a watch and reads its stream in the background. */
export async function watch(
  base: string,
  options: { lastEventId?: string | undefined; acknowledges?: boolean } = {},
) {
  const { lastEventId, acknowledges = false } = options;
  const stop = new AbortController();
  const events: EventSourceMessage[] = [];
  const comments: string[] = [];
  const response = await fetch(`${base}/watch${acknowledges ? '?acknowledges=true' : ''}`, {
    signal: stop.signal,
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
  });
  const parser = createParser({
    onEvent: (event) => events.push(event),
    onComment: (text) => comments.push(text),
  });
  const decoder = new TextDecoder();
  void (async () => {
    for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
  })().catch(() => undefined);
  return { events, comments, stop: () => stop.abort() };
}
