import { expect } from 'bun:test';
import { type RawResponse, rawConnection } from '../../support/raw-http';

/** Stands in everything hostile that is sent: no answer may hold it. */
export const MARK = 'Zq7';

/** What one connection sends, and what must come back. */
export interface Case {
  /** Of the behaviour, said of the gateway. */
  readonly name: string;
  /** Where it is written: RFC 9112 where only a section is named. */
  readonly rfc: string;
  readonly send: string;
  /** The statuses of all final answers, in order. */
  readonly answers: readonly number[];
  /** Whether the connection goes on: then a further request on it must be understood. */
  readonly afterwards: 'open' | 'closed';
  /** Of the requests, where the response's framing depends on them. */
  readonly methods?: readonly string[];
  check?(responses: readonly RawResponse[]): void;
}

export const refused = (status: number, rfc: string, name: string, send: string): Case => ({
  name,
  rfc,
  send,
  answers: [status],
  afterwards: 'closed',
});

export const served = (rfc: string, name: string, send: string, check?: (seen: Seen) => void): Case => ({
  name,
  rfc,
  send,
  answers: [200],
  afterwards: 'open',
  ...(check && { check: ([response]) => check(seenIn(response)) }),
});

/** What the service says it was asked. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** The values under a lower-case name. */
  header(name: string): string[];
}

export function seenIn(response: RawResponse | undefined): Seen {
  const { method, path, headers, body } = JSON.parse(response?.body ?? '');
  const header = (wanted: string) =>
    headers.filter(([name]: [string]) => name === wanted).map(([, value]: [string, string]) => value);
  return { method, path, body, header };
}

export const get = (target = '/echo', lines = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
export const post = (lines: string, body = '') =>
  `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${lines}\r\n${body}`;
export const chunked = (body: string) => post('Transfer-Encoding: chunked\r\n', body);

const AFTER = 'GET /echo/after HTTP/1.1\r\nHost: a\r\n\r\n';

export async function runCase(
  port: number,
  { send, answers, afterwards, methods, check }: Case,
): Promise<void> {
  const connection = rawConnection(port, methods ?? []);
  try {
    connection.send(send);
    const expected = afterwards === 'open' ? [...answers, 200] : answers;
    const responses = await connection.responses((all) => {
      if (afterwards === 'closed') return false;
      if (all.length === answers.length) connection.send(AFTER);
      return all.length >= expected.length;
    });
    expect(responses.map(({ status }) => status)).toEqual([...expected]);
    expect(connection.closed()).toBe(afterwards === 'closed');
    if (afterwards === 'open') expect(seenIn(responses.at(-1)).path).toBe('/echo/after');
    for (const response of responses) if (response.status >= 400) expectProblem(response);
    if (answers.some((status) => status >= 400)) expect(connection.text()).not.toContain(MARK);
    check?.(responses);
  } finally {
    connection.end();
  }
}

/** A problem document, which says nothing of what was sent. */
export function expectProblem({ status, headers, body }: RawResponse): void {
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(headers.get('x-request-id')).toMatch(/^[\w.-]{8,}$/);
  if (body !== '')
    expect(JSON.parse(body)).toMatchObject({ status, code: expect.stringMatching(/^[a-z.-]+$/) });
}
