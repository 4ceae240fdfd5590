import type { AnyElysia } from 'elysia';
import { compareWithDocument } from './declared-responses';

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/**
 * Calls an app in process, without a network.
 *
 * @throws when a response is not among those that the app's OpenAPI document describes
 */
export function callerOf(app: AnyElysia) {
  const undeclared = compareWithDocument(app);
  return async (
    method: string,
    path: string,
    options: { body?: unknown; authorization?: string; headers?: Record<string, string> } = {},
  ): Promise<Answered> => {
    const response = await app.handle(
      new Request(`http://localhost${path}`, {
        method,
        headers: {
          ...(options.body !== undefined && { 'content-type': 'application/json' }),
          ...(options.authorization !== undefined && { authorization: options.authorization }),
          ...options.headers,
        },
        ...(options.body !== undefined && {
          body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body),
        }),
      }),
    );
    const fault = undeclared(method, path, response);
    if (fault !== undefined) throw new Error(`The OpenAPI document is not true: ${fault}`);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  };
}
