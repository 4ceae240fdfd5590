/** On loopback or within one network the registry answers in milliseconds; a slow one must not delay the next beat. */
const CALL_TIMEOUT_MS = 2_000;

export interface RegistryAnswer {
  readonly status: number;
  readonly body: unknown;
  /** What a problem document said. */
  readonly detail: string | undefined;
}

/**
 * One call of the registry.
 *
 * @param request.timeoutMs two seconds unless said otherwise
 * @throws when it does not answer in time
 */
export async function callRegistry(
  url: string,
  request: {
    method: 'POST' | 'DELETE';
    path: string;
    bearer?: string | undefined;
    body?: object | undefined;
    timeoutMs?: number;
  },
): Promise<RegistryAnswer> {
  const { method, path, bearer, body, timeoutMs = CALL_TIMEOUT_MS } = request;
  const response = await fetch(new URL(path, url), {
    method,
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  const answer: unknown = isJson ? await response.json() : await response.text();
  return { status: response.status, body: answer, detail: detailOf(answer) };
}

const detailOf = (answer: unknown) =>
  typeof answer === 'object' && answer !== null && 'detail' in answer && typeof answer.detail === 'string'
    ? answer.detail
    : undefined;
