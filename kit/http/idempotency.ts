import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { eq, lt, sql } from 'drizzle-orm';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import { defineProblem } from '../errors/problem';
import { DATABASE_NOW } from '../mysql/columns';
import {
  type Database,
  type Executor,
  inTransaction,
  isDuplicate,
  isLockTimeout,
  type Transaction,
} from '../mysql/database';
import { idempotencyKeys } from './idempotency-table';
import type { ResponseSet } from './responses';

export const IdempotencyKeyInvalid = defineProblem(
  'idempotency.invalid-key',
  400,
  'An Idempotency-Key is 1 to 255 visible characters',
);
export const IdempotencyKeyMissing = defineProblem(
  'idempotency.key-missing',
  400,
  'An Idempotency-Key header is needed here',
);
export const IdempotencyKeyReused = defineProblem(
  'idempotency.key-reused',
  422,
  'This Idempotency-Key was used with another body',
);
export const IdempotencyInFlight = defineProblem(
  'idempotency.in-flight',
  409,
  'A request with this Idempotency-Key is being answered',
);

/** What a request is answered with, as it is kept for a repeat. */
export interface StoredResponse<Body> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: Body;
}

/** Which request it is. Two with the same caller, method, route and key are one request sent twice. */
export interface IdempotentRequest {
  /** `null` where the client sent none: then every request is a new one. */
  readonly key: string | null;
  /** The id of the person who asks. */
  readonly caller: string;
  readonly method: string;
  /** The pattern, not the path of one request. */
  readonly route: string;
  /** The body after validation. */
  readonly body: unknown;
}

/** Stripe keeps keys for 24 hours; what is retried later is a new request. */
const RETAIN_HOURS = 24;
const TRIM_ROWS = 1_000;
const TRIM_EVERY_MS = 10 * 60_000;
/** So long a repeat waits for the first one's end; then it is told that it is in flight. */
const WAIT_SECONDS = 1;
const REPLAYED = 'idempotency-replayed';
const RETRY_SOON = { 'retry-after': '1' };

/**
 * Reads the `Idempotency-Key` header, as a quoted string (draft-ietf-httpapi-idempotency-key-header) or bare, which is
 * how most clients send it: both name the same key.
 *
 * @returns null when there is none
 * @throws IdempotencyKeyInvalid when it is empty, too long, or holds other than visible ASCII characters
 */
export function readIdempotencyKey(headers: Headers): string | null {
  const sent = headers.get('idempotency-key')?.trim();
  if (sent === undefined) return null;
  const key = /^"(.*)"$/.exec(sent)?.[1]?.replace(/\\(["\\])/g, '$1') ?? sent;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw new IdempotencyKeyInvalid();
  return key;
}

/** What a request with an `Idempotency-Key` is besides its caller and body. */
export type RequestKey = Pick<IdempotentRequest, 'key' | 'method' | 'route'>;

/**
 * The key of a POST request, where one was sent.
 *
 * @param route the pattern of the route
 * @throws IdempotencyKeyInvalid
 */
export const requestKey = ({ headers }: Request, route: string): RequestKey => ({
  key: readIdempotencyKey(headers),
  method: 'POST',
  route,
});

/**
 * Like `requestKey`, for routes that refuse a request without a key.
 *
 * @throws IdempotencyKeyMissing, IdempotencyKeyInvalid
 */
export const requiredRequestKey = (request: Request, route: string): RequestKey => {
  const key = requestKey(request, route);
  if (key.key === null) throw new IdempotencyKeyMissing();
  return key;
};

/**
 * Does something once for each key. The key's row is inserted first and in the transaction of the effect, so that of
 * two requests at the same time the second waits on the row; effect and answer are kept together or not at all. What
 * is thrown is not kept: a refusal (a failed validation) may be mended and sent again under the same key.
 *
 * @param prepare looks up what is needed, outside of the transaction, and returns the effect, which makes the change
 *   in the transaction and then the answer. The effect may run again after a deadlock. Neither runs for a repeat.
 * @returns the answer; a repeat's is the kept one, with the header `idempotency-replayed: true`
 * @throws IdempotencyKeyReused when the key came with another body before
 * @throws IdempotencyInFlight when the first request has not ended within a second
 */
export async function idempotent<Body>(
  database: Database,
  request: IdempotentRequest,
  prepare: () => Promise<(transaction: Transaction) => Promise<StoredResponse<Body>>>,
): Promise<StoredResponse<Body>> {
  const { key } = request;
  if (key === null) return inTransaction(database, await prepare());
  const id = sha256(JSON.stringify([request.caller, request.method, request.route, key]));
  const bodyHash = sha256(canonicalize(request.body) ?? 'null');
  const kept = await findKept<Body>(database, id, bodyHash);
  if (kept !== undefined) return kept;
  const effect = await prepare();
  return inTransaction(database, async (transaction) => {
    if (!(await claim(transaction, id, bodyHash))) {
      const earlier = await findKept<Body>(transaction, id, bodyHash);
      if (earlier !== undefined) return earlier;
      // Trimmed just now: as good as in flight, the next try is a new request.
      throw new IdempotencyInFlight({ headers: RETRY_SOON });
    }
    const answer = await effect(transaction);
    await transaction
      .update(idempotencyKeys)
      .set({ status: answer.status, headers: { ...answer.headers }, body: JSON.stringify(answer.body) })
      .where(eq(idempotencyKeys.id, id));
    return answer;
  });
}

/** Answers a request with what `idempotent` returned. */
export async function sendStored<Body>(
  set: ResponseSet,
  answer: Promise<StoredResponse<Body>>,
): Promise<Body> {
  const { status, headers, body } = await answer;
  set.status = status;
  Object.assign(set.headers, headers);
  return body;
}

/** Forgets keys after 24 hours, now and every ten minutes until the runtime ends. */
export function trimIdempotencyKeys(runtime: Runtime, database: Database): void {
  repeatEvery(runtime, 'trimming idempotency keys', { everyMs: TRIM_EVERY_MS }, async () => {
    while (!runtime.closing.aborted) {
      const [result] = await database
        .delete(idempotencyKeys)
        .where(lt(idempotencyKeys.createdAt, sql`${DATABASE_NOW} - interval ${RETAIN_HOURS} hour`))
        .limit(TRIM_ROWS);
      if (result.affectedRows < TRIM_ROWS) return;
    }
  });
}

/** @returns false when the row is there already, committed by an earlier request */
async function claim(transaction: Transaction, id: Buffer, bodyHash: Buffer): Promise<boolean> {
  await transaction.execute(sql`set innodb_lock_wait_timeout = ${sql.raw(String(WAIT_SECONDS))}`);
  try {
    await transaction.insert(idempotencyKeys).values({ id, bodyHash, createdAt: DATABASE_NOW });
    return true;
  } catch (failure) {
    if (isDuplicate(failure)) return false;
    // Without its cause, for which the transaction would be run again and wait again.
    if (isLockTimeout(failure)) throw new IdempotencyInFlight({ headers: RETRY_SOON });
    throw failure;
  } finally {
    // The connection goes back to the pool, and the effect may rightly wait longer.
    await transaction.execute(sql`set innodb_lock_wait_timeout = default`);
  }
}

async function findKept<Body>(
  executor: Executor,
  id: Buffer,
  bodyHash: Buffer,
): Promise<StoredResponse<Body> | undefined> {
  const [kept] = await executor.select().from(idempotencyKeys).where(eq(idempotencyKeys.id, id));
  if (kept === undefined || kept.status === null || kept.body === null) return undefined;
  if (!kept.bodyHash.equals(bodyHash)) throw new IdempotencyKeyReused();
  return {
    status: kept.status,
    headers: { ...kept.headers, [REPLAYED]: 'true' },
    body: JSON.parse(kept.body),
  };
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
