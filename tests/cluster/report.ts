import type { Load } from './load';

/** What happened while one node was away and came back. */
export interface Case {
  readonly node: string;
  readonly fault: string;
  /** The longest that an operation took to be acknowledged, with all its attempts, while the node was away or came back. */
  readonly slowestSeconds: number;
  readonly slowestKind: string;
  /** From the start of its return until it was ready, and an operation of every kind was acknowledged. */
  readonly returnSeconds: number;
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
  const { posts, likes, votes, payments, files } = load.acknowledged;
  return [
    '# Faults on a cluster',
    '',
    'Written by `bun tests/cluster/main.ts`. Recovery: the longest that a post, a post by job, a like, a vote, a payment, a chat',
    'message or the upload of a file took to be acknowledged, with all its attempts, while the node was away or came back. Return:',
    'until the node was ready again, and one of each was acknowledged. Errors: failed attempts of the clients, which repeat them',
    'with the same `Idempotency-Key`. Nodes of Redis were masters when the fault began; while the only store of files (`s3-1`) is',
    'away, uploads wait for it.',
    '',
    '| Node | Fault | Errors | Recovery, s | Slowest | Return, s | Failure |',
    '| --- | --- | ---: | ---: | --- | ---: | --- |',
    ...cases.map(
      ({ node, fault, failedAttempts, slowestSeconds, slowestKind, returnSeconds, problem }) =>
        `| ${[node, fault, failedAttempts, slowestSeconds, slowestKind, returnSeconds, problem ?? ''].join(' | ')} |`,
    ),
    '',
    `Acknowledged: ${posts.length} posts, ${likes.length} likes, ${votes.length} votes, ${payments.length} payments, ` +
      `${load.messagesSent()} messages, ${files.length} files. Afterwards:`,
    '',
    ...Object.entries(checked).map(
      ([name, problems]) =>
        `- ${name}: ${problems.length === 0 ? 'holds' : `**violated** (${problems.slice(0, 5).join('; ')})`}`,
    ),
    '',
  ].join('\n');
}
