/** A message whose processing failed permanently, retained for an operator. */
export interface ParkedMessage {
  readonly name: string;
  readonly id: string;
  readonly reason: string;
  /** ISO 8601; unknown for messages that the broker itself parked. */
  readonly parkedAt: string | undefined;
}

export interface ParkedQueue {
  /** The argument of `replay`: a consumer of RabbitMQ or a tube of beanstalkd. Rows of an outbox are retried by its service. */
  readonly name: string;
  readonly broker: 'RabbitMQ' | 'beanstalkd' | 'outbox';
  readonly count: number;
  /** The oldest messages. */
  readonly shown: readonly ParkedMessage[];
  /** A remark for the operator. */
  readonly note?: string;
}

/** How many messages of each queue are listed. */
export const MAX_SHOWN = 10;
/** The limit of one replay: messages may fail again. */
export const MAX_REPLAYED = 10_000;

/** Name and id of a message, if it is valid. Its content is not shown: it may be personal data. */
export function identityOf(bytes: Buffer): { name: string; id: string } {
  try {
    const { name, id }: { name?: unknown; id?: unknown } = JSON.parse(bytes.toString('utf8'));
    return { name: String(name), id: String(id) };
  } catch {
    return { name: 'invalid message', id: '–' };
  }
}
