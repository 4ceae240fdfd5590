import { sleep } from '#kit/core/back-off';
import { type Answer, type Api, ApiFailure, field } from '../api';

const POLL_MS = 100;
/** How long an asynchronous effect may take. */
export const WAIT_MS = 15_000;

export interface Visitor {
  readonly username: string;
  /** The shell variable that holds the person's token in the printed commands. */
  readonly variable: string;
  token: string;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly as?: Visitor;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

/** A step with an unexpected result. */
class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
}

export async function step(
  api: Api,
  title: string,
  request: Request,
  options: { status?: number; keep?: Visitor } = {},
): Promise<Answer> {
  const answer = await send(api, request);
  const wanted = options.status;
  const good = wanted === undefined ? answer.status >= 200 && answer.status < 300 : answer.status === wanted;
  const command = curl(api, request);
  if (!good)
    throw new DemoFailure(
      `${title}: expected ${wanted ?? 'success'}, received ${answer.status}\n  ${command}\n  ${brief(answer.body)}`,
    );
  const shown = options.keep ? `${options.keep.variable}=$(${command} | jq -r .access_token)` : command;
  show(title, shown, `${answer.status} ${options.keep ? '(token)' : brief(answer.body)}`);
  return answer;
}

/** Polls until an asynchronous effect is visible. */
export async function eventually(
  api: Api,
  title: string,
  request: Request,
  holds: (body: unknown) => boolean,
): Promise<void> {
  let answer: Answer | undefined;
  const started = performance.now();
  await waitFor(`${title} (${curl(api, request)})`, WAIT_MS, async () => {
    answer = await send(api, request);
    return answer.status < 300 && holds(answer.body);
  });
  const waitedMs = Math.round(performance.now() - started);
  show(title, curl(api, request), `${answer?.status} after ${waitedMs} ms  ${brief(answer?.body)}`);
}

export async function waitFor(what: string, timeoutMs: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new DemoFailure(`Timed out after ${timeoutMs / 1000} s: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Returns the response even when it is an error, which some steps expect. */
async function send(api: Api, { method, path, as, body, idempotencyKey }: Request): Promise<Answer> {
  try {
    return await api.call(method, path, {
      ...(as && { token: as.token }),
      ...(body !== undefined && { body }),
      ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
    });
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    if (failure.status === 0) throw new DemoFailure(`${failure.message}\nStart the system with \`make up\`.`);
    const next = field(failure.body, 'second_factor');
    const problem = { code: failure.code, ...(next !== undefined && { second_factor: next }) };
    return { status: failure.status, headers: new Headers(), body: problem };
  }
}

function curl(api: Api, { method, path, as, body, idempotencyKey }: Request): string {
  const parts = ['curl -s', method === 'GET' ? [] : `-X ${method}`, quote(`${api.url}${path}`)];
  if (as) parts.push(`-H "authorization: Bearer $${as.variable}"`);
  if (idempotencyKey !== undefined) parts.push(`-H 'idempotency-key: ${idempotencyKey}'`);
  if (body !== undefined) parts.push(`-H 'content-type: application/json' -d ${quote(JSON.stringify(body))}`);
  return parts.flat().join(' ');
}

const quote = (text: string) =>
  /^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

export function show(title: string, command: string, result: string): void {
  console.log(`✓ ${title}\n    ${command}\n    → ${result}`);
}

function brief(body: unknown): string {
  const text = JSON.stringify(body) ?? '';
  return text.length > 160 ? `${text.slice(0, 160)} …` : text;
}

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const itemsOf = (page: unknown) => listOf(field(page, 'items'));
