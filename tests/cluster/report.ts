import type { Load } from './load';

/** What happened while one node was away and came back. */
export interface Case {
  readonly node: string;
  readonly fault: string;
  /** From the fault until every kind of operation was acknowledged again, with the node away. */
  readonly awaySeconds: number;
  /** From the start of its return until every kind of operation was acknowledged again. */
  readonly backSeconds: number;
  /** Attempts of clients that failed, and were repeated with the same Idempotency-Key. */
  readonly failedAttempts: number;
  readonly problem?: string;
}

/** The results of a run as a page of the documentation. */
export function tableOf(
  cases: readonly Case[],
  checked: Readonly<Record<string, readonly string[]>>,
  load: Pick<Load, 'acknowledged' | 'messagesSent'>,
): string {
  const { posts, likes, votes, payments } = load.acknowledged;
  return [
    '# Faults on a cluster',
    '',
    'Written by `bun tests/cluster/main.ts`. Recovery: seconds until a post, a post by job, a like, a vote, a payment and a chat',
    'message that began after the fault (or the return) were acknowledged; the slowest counts. Errors: failed attempts of the',
    'clients, which repeat them with the same `Idempotency-Key`.',
    '',
    '| Node | Fault | Errors | Recovery without it, s | Recovery after its return, s | Failure |',
    '| --- | --- | ---: | ---: | ---: | --- |',
    ...cases.map(
      ({ node, fault, failedAttempts, awaySeconds, backSeconds, problem }) =>
        `| ${[node, fault, failedAttempts, awaySeconds, backSeconds, problem ?? ''].join(' | ')} |`,
    ),
    '',
    `Acknowledged: ${posts.length} posts, ${likes.length} likes, ${votes.length} votes, ${payments.length} payments, ` +
      `${load.messagesSent()} messages. Afterwards:`,
    '',
    ...Object.entries(checked).map(
      ([name, problems]) =>
        `- ${name}: ${problems.length === 0 ? 'holds' : `**violated** (${problems.slice(0, 5).join('; ')})`}`,
    ),
    '',
  ].join('\n');
}
