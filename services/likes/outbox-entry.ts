import type { Static } from '@sinclair/typebox';
import { LikeWithdrawn, PostLiked } from '#contracts/events/likes';
import { MailRequested } from '#contracts/events/mail';
import { LikeNotify, LikeValidate } from '#contracts/jobs/likes';
import { envelope } from '#contracts/messages';
import { type PublishingSpan, startPublishingSpan } from '#kit/messaging/publishing-span';
import { currentTrace, type Trace } from '#kit/tracing/context';

/** A message as a script puts it into the outbox. */
export interface OutboxEntry {
  /** The id of the message: it stays the same however often it is sent. */
  readonly id: string;
  readonly text: string;
}

/** Everything this service sends. */
const DEFINITIONS = [LikeValidate, LikeNotify, PostLiked, LikeWithdrawn, MailRequested] as const;
type Definition = (typeof DEFINITIONS)[number];

/** Makes a message for the outbox, to be sent at once, with the trace of whatever is running now. */
export function outboxEntry<Sent extends Definition>(
  definition: Sent,
  data: Static<Sent['data']>,
  options: { actor: string | null },
): OutboxEntry {
  const { trace, publishing } = startPublishingSpan();
  const { id, text } = entry(definition, data, options, trace);
  const told = publishing === undefined ? '' : `"publishing":${JSON.stringify(publishing)},`;
  return { id, text: `{"due_at_ms":${Date.now()},${told}"envelope":${text}}` };
}

/** The same for a script that decides itself when it is due, and writes that down. */
export function jobEntry<Sent extends Definition>(
  definition: Sent,
  data: Static<Sent['data']>,
  options: { actor: string | null },
): OutboxEntry {
  return entry(definition, data, options, currentTrace());
}

function entry<Sent extends Definition>(
  definition: Sent,
  data: Static<Sent['data']>,
  options: { actor: string | null },
  trace: Trace,
): OutboxEntry {
  const message = envelope(definition, data, { ...trace, actor: options.actor });
  return { id: message.id, text: JSON.stringify(message) };
}

/** Reads what was put into the outbox: its definition, the bytes to send, how many seconds it is still to be held back, and its span. */
export function readOutboxEntry(text: string): {
  definition: Definition;
  body: Buffer;
  delaySeconds: number;
  publishing: PublishingSpan | undefined;
} {
  const { due_at_ms, publishing, envelope: message } = JSON.parse(text);
  const definition = DEFINITIONS.find(
    ({ name, version }) => name === message.name && version === message.version,
  );
  if (definition === undefined)
    throw new Error('an entry of the outbox is none of the messages this service sends');
  return {
    definition,
    body: Buffer.from(JSON.stringify(message)),
    delaySeconds: Math.max(0, Math.ceil((due_at_ms - Date.now()) / 1000)),
    publishing,
  };
}
