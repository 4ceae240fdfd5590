import type { Static } from '@sinclair/typebox';
import { LikeWithdrawn, PostLiked } from '#contracts/events/likes';
import { MailRequested } from '#contracts/events/mail';
import { LikeNotify, LikeValidate } from '#contracts/jobs/likes';
import { envelope } from '#contracts/messages';
import { type PublishingSpan, startPublishingSpan } from '#kit/messaging/publishing-span';
import { currentTrace, type Trace } from '#kit/tracing/context';

/** A message as a script writes it to the outbox in Redis. */
export interface RedisOutboxEntry {
  /** The message id, the same for every attempt to send it. */
  readonly id: string;
  readonly text: string;
}

/** All messages this service sends. */
const DEFINITIONS = [LikeValidate, LikeNotify, PostLiked, LikeWithdrawn, MailRequested] as const;
type Definition = (typeof DEFINITIONS)[number];

/** Creates an entry for a message that is due at once, with the current trace. */
export function redisOutboxEntry<Sent extends Definition>(
  definition: Sent,
  data: Static<Sent['data']>,
  options: { actor: string | null },
): RedisOutboxEntry {
  const { trace, publishing } = startPublishingSpan();
  const { id, text } = envelopeOf(definition, data, { ...options, trace });
  const span = publishing === undefined ? '' : `"publishing":${JSON.stringify(publishing)},`;
  return { id, text: `{"due_at_ms":${Date.now()},${span}"envelope":${text}}` };
}

/** Creates the message of an entry whose script decides when it is due, and adds that. */
export function scheduledOutboxEntry<Sent extends Definition>(
  definition: Sent,
  data: Static<Sent['data']>,
  options: { actor: string | null },
): RedisOutboxEntry {
  return envelopeOf(definition, data, { ...options, trace: currentTrace() });
}

function envelopeOf<Sent extends Definition>(
  definition: Sent,
  data: Static<Sent['data']>,
  { actor, trace }: { actor: string | null; trace: Trace },
): RedisOutboxEntry {
  const message = envelope(definition, data, { ...trace, actor });
  return { id: message.id, text: JSON.stringify(message) };
}

/** Parses an entry: definition and bytes of the message, the remaining delay, and the span of its publication. */
export function readRedisOutboxEntry(text: string): {
  definition: Definition;
  body: Buffer;
  delaySeconds: number;
  publishing: PublishingSpan | undefined;
} {
  const { due_at_ms, publishing, envelope: message } = JSON.parse(text);
  const definition = DEFINITIONS.find(
    ({ name, version }) => name === message.name && version === message.version,
  );
  if (definition === undefined) throw new Error('unknown message in the outbox');
  return {
    definition,
    body: Buffer.from(JSON.stringify(message)),
    delaySeconds: Math.max(0, Math.ceil((due_at_ms - Date.now()) / 1000)),
    publishing,
  };
}
