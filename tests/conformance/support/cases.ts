import { expect } from 'bun:test';
import { type RawResponse, rawConnection } from '../../support/raw-http';

/** Part of all hostile input: no response may contain it. */
export const MARK = 'Zq7';

/** The bytes sent on one connection, and the expected responses. */
export interface Case {
  /** The behavior of the gateway, starting with a verb. */
  readonly name: string;
  /** The source: a section of RFC 9112 unless another RFC is named. */
  readonly rfc: string;
  readonly send: string;
  /** The statuses of all final responses, in order. */
  readonly statuses: readonly number[];
  /** Whether the connection stays open; then a further request on it must succeed. */
  readonly connection: 'open' | 'closed';
  /** The methods of the requests, where the framing of the responses depends on them. */
  readonly methods?: readonly string[];
  check?(responses: readonly RawResponse[]): void;
}

export const rejected = (status: number, rfc: string, name: string, send: string): Case => ({
  name,
  rfc,
  send,
  statuses: [status],
  connection: 'closed',
});

export const accepted = (
  rfc: string,
  name: string,
  send: string,
  check?: (request: EchoedRequest) => void,
): Case => ({
  name,
  rfc,
  send,
  statuses: [200],
  connection: 'open',
  ...(check && { check: ([response]) => check(echoIn(response)) }),
});

/** The request as the service received it. */
export interface EchoedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** The values of a header, by its lower-case name. */
  header(name: string): string[];
}

export function echoIn(response: RawResponse | undefined): EchoedRequest {
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
  { send, statuses, connection: expectedState, methods, check }: Case,
): Promise<void> {
  const connection = rawConnection(port, methods ?? []);
  try {
    connection.send(send);
    const expected = expectedState === 'open' ? [...statuses, 200] : statuses;
    const responses = await connection.responses((all) => {
      if (expectedState === 'closed') return false;
      if (all.length === statuses.length) connection.send(AFTER);
      return all.length >= expected.length;
    });
    expect(responses.map(({ status }) => status)).toEqual([...expected]);
    expect(connection.closed()).toBe(expectedState === 'closed');
    if (expectedState === 'open') expect(echoIn(responses.at(-1)).path).toBe('/echo/after');
    for (const response of responses) if (response.status >= 400) expectProblem(response);
    if (statuses.some((status) => status >= 400)) expect(connection.text()).not.toContain(MARK);
    check?.(responses);
  } finally {
    connection.end();
  }
}

/** Asserts a problem document that echoes nothing of the request. */
export function expectProblem({ status, headers, body }: RawResponse): void {
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(headers.get('x-request-id')).toMatch(/^[\w.-]{8,}$/);
  if (body !== '')
    expect(JSON.parse(body)).toMatchObject({ status, code: expect.stringMatching(/^[a-z.-]+$/) });
}
