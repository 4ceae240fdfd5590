/** What could not be done and waits for somebody to look at it. */
export interface ParkedMessage {
  readonly name: string;
  readonly id: string;
  readonly reason: string;
  /** ISO 8601; unknown for what the broker itself parked. */
  readonly parkedAt: string | undefined;
}

export interface ParkedQueue {
  /** What `replay` takes: a consumer of RabbitMQ or a tube of beanstalkd. */
  readonly name: string;
  readonly broker: 'RabbitMQ' | 'beanstalkd';
  readonly count: number;
  /** The oldest of them. */
  readonly shown: readonly ParkedMessage[];
  /** What else an operator has to know. */
  readonly note?: string;
}

/** Of each queue so many are shown. */
export const MOST_SHOWN = 10;
/** One replay moves so many at most: what failed for a reason may fail again. */
export const MOST_REPLAYED = 10_000;

/** Name and id of a message, if it is one at all. Nothing of its content is shown: it may be personal. */
export function identityOf(bytes: Buffer): { name: string; id: string } {
  try {
    const { name, id }: { name?: unknown; id?: unknown } = JSON.parse(bytes.toString('utf8'));
    return { name: String(name), id: String(id) };
  } catch {
    return { name: 'no message', id: '–' };
  }
}
