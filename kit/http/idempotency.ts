import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { eq, lt, sql } from 'drizzle-orm';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import { defineProblem } from '../errors/problem';
import { DATABASE_NOW } from '../mysql/columns';
import { type Database, type Executor, inTransaction, type Transaction } from '../mysql/database';
import { isDuplicate, isLockTimeout } from '../mysql/failures';
import { idempotencyKeys } from './idempotency-table';
import type { ResponseSet } from './responses';
import { openResponse, responseKey, sealResponse } from './sealed-response';

export const IdempotencyKeyInvalid = defineProblem('idempotency.invalid-key', 400, 'Invalid Idempotency-Key');
export const IdempotencyKeyMissing = defineProblem(
  'idempotency.key-missing',
  400,
  'Idempotency-Key required',
);
export const IdempotencyKeyReused = defineProblem(
  'idempotency.key-reused',
  422,
  'Idempotency-Key reused with a different request body',
);
export const IdempotencyInFlight = defineProblem(
  'idempotency.in-flight',
  409,
  'A request with this Idempotency-Key is in progress',
);

/** A response, as it is stored for repeats. */
export interface StoredResponse<Body> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: Body;
}

/** Identifies a request. Two with the same caller, method, route and key are repeats of one request. */
export interface IdempotentRequest {
  /** `null` when the client sent none: then no request is a repeat. */
  readonly key: string | null;
  /** The id of the user. */
  readonly caller: string;
  readonly method: string;
  /** The pattern, not the path. */
  readonly route: string;
  /** The body after validation. */
  readonly body: unknown;
}

/** As in Stripe's API: keys expire after 24 hours, and a later retry is a new request. */
const RETAIN_HOURS = 24;
const TRIM_ROWS = 1_000;
const TRIM_EVERY_MS = 10 * 60_000;
/** How long a repeat waits for a request in flight before it is rejected. */
const WAIT_SECONDS = 1;
const REPLAYED = 'idempotency-replayed';
const RETRY_SOON = { 'retry-after': '1' };

/**
 * Reads the `Idempotency-Key` header, as a quoted string (draft-ietf-httpapi-idempotency-key-header) or bare, as most
 * clients send it: both are the same key.
 *
 * @returns null without the header
 * @throws IdempotencyKeyInvalid when it is empty, too long, or has other than visible ASCII characters
 */
export function readIdempotencyKey(headers: Headers): string | null {
  const sent = headers.get('idempotency-key')?.trim();
  if (sent === undefined) return null;
  const key = /^"(.*)"$/.exec(sent)?.[1]?.replace(/\\(["\\])/g, '$1') ?? sent;
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new IdempotencyKeyInvalid({ detail: 'Send 1 to 255 visible ASCII characters.' });
  return key;
}

/** The key and route of a request. */
export type RequestKey = Pick<IdempotentRequest, 'key' | 'method' | 'route'>;

/**
 * Reads the key of a POST request; null where none was sent.
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
 * Like `requestKey`, for routes that require a key.
 *
 * @throws IdempotencyKeyMissing, IdempotencyKeyInvalid
 */
export const requiredRequestKey = (request: Request, route: string): RequestKey => {
  const key = requestKey(request, route);
  if (key.key === null) throw new IdempotencyKeyMissing();
  return key;
};

/**
 * Processes a request once per key. The key's row is inserted first, in the transaction of the effect, so that a
 * concurrent repeat waits on the row; effect and response are committed together. Errors are not stored: a rejected request
 * can be corrected and sent again under the same key. What is stored can be read with the client's key alone, which is not
 * stored: it tells nobody else what somebody wrote, who may have deleted it since.
 *
 * @param prepare runs outside of the transaction and returns the effect, which makes the change in the transaction and
 *   returns the response. The effect may run again after a deadlock. Neither runs for a repeat.
 * @returns the response; for a repeat the stored one, with the header `idempotency-replayed: true`
 * @throws IdempotencyKeyReused when the key was used with a different body
 * @throws IdempotencyInFlight when the first request has not finished within a second
 */
export async function idempotent<Body>(
  database: Database,
  request: IdempotentRequest,
  prepare: () => Promise<(transaction: Transaction) => Promise<StoredResponse<Body>>>,
): Promise<StoredResponse<Body>> {
  const { key } = request;
  if (key === null) return inTransaction(database, await prepare());
  const identity = JSON.stringify([request.caller, request.method, request.route, key]);
  const id = sha256(identity);
  const sealingKey = responseKey(identity);
  const bodyHash = sha256(canonicalize(request.body) ?? 'null');
  const find = (executor: Executor) => findStored<Body>(executor, { id, bodyHash, sealingKey });
  const stored = await find(database);
  if (stored !== undefined) return stored;
  const effect = await prepare();
  return inTransaction(database, async (transaction) => {
    if (!(await claim(transaction, id, bodyHash))) {
      const earlier = await find(transaction);
      if (earlier !== undefined) return earlier;
      // The row has just expired: the next attempt is a new request.
      throw new IdempotencyInFlight({ headers: RETRY_SOON });
    }
    const response = await effect(transaction);
    await transaction
      .update(idempotencyKeys)
      .set({
        status: response.status,
        headers: { ...response.headers },
        body: sealResponse(sealingKey, JSON.stringify(response.body)),
      })
      .where(eq(idempotencyKeys.id, id));
    return response;
  });
}

/** Sends the response that `idempotent` returns. */
export async function sendStored<Body>(
  set: ResponseSet,
  response: Promise<StoredResponse<Body>>,
): Promise<Body> {
  const { status, headers, body } = await response;
  set.status = status;
  Object.assign(set.headers, headers);
  return body;
}

/** Deletes keys older than 24 hours, now and every ten minutes until the runtime shuts down. */
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

/** @returns false when an earlier request has committed the row */
async function claim(transaction: Transaction, id: Buffer, bodyHash: Buffer): Promise<boolean> {
  await transaction.execute(sql`set innodb_lock_wait_timeout = ${sql.raw(String(WAIT_SECONDS))}`);
  try {
    await transaction.insert(idempotencyKeys).values({ id, bodyHash, createdAt: DATABASE_NOW });
    return true;
  } catch (failure) {
    if (isDuplicate(failure)) return false;
    // Without the cause, for which the transaction would be retried and wait again.
    if (isLockTimeout(failure)) throw new IdempotencyInFlight({ headers: RETRY_SOON });
    throw failure;
  } finally {
    // The connection returns to the pool, and the effect may wait longer.
    await transaction.execute(sql`set innodb_lock_wait_timeout = default`);
  }
}

async function findStored<Body>(
  executor: Executor,
  { id, bodyHash, sealingKey }: { id: Buffer; bodyHash: Buffer; sealingKey: Buffer },
): Promise<StoredResponse<Body> | undefined> {
  const [row] = await executor.select().from(idempotencyKeys).where(eq(idempotencyKeys.id, id));
  if (row === undefined || row.status === null || row.body === null) return undefined;
  if (!row.bodyHash.equals(bodyHash)) throw new IdempotencyKeyReused();
  return {
    status: row.status,
    headers: { ...row.headers, [REPLAYED]: 'true' },
    body: JSON.parse(openResponse(sealingKey, row.body)),
  };
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
