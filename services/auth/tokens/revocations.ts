import { SessionRevoked, TokenRevoked, UserTokensRevoked } from '#contracts/events/auth';
import type { Revocation } from '#kit/auth/denylist';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { inTransaction, type Transaction } from '#kit/mysql/database';
import type { AuthDeps, RevocationDeps } from '../deps';
import * as store from './store';

type Subject = Pick<Revocation, 'kind' | 'subject'>;
export type Revoke = (subject: Subject) => void;

/** Fits well into one gRPC message; a process that missed more gets the newest. */
const MAX_LISTED = 20_000;

/**
 * Runs a change that revokes access tokens. The subjects it passes to `revoke` are stored and published in the same
 * transaction, and rejected by this process as soon as it is committed.
 *
 * @param userId the owner of the tokens
 */
export async function withRevocations<Result>(
  deps: RevocationDeps,
  userId: string,
  work: (transaction: Transaction, revoke: Revoke) => Promise<Result>,
): Promise<Result> {
  const nowSeconds = Math.floor(deps.now() / 1000);
  const expiresAt = nowSeconds + Math.ceil(deps.tokenLifetimeMs / 1000) + 1;
  const { result, revocations } = await inTransaction(deps.database, async (transaction) => {
    const subjects: Subject[] = [];
    const result = await work(transaction, (subject) => subjects.push(subject));
    const revocations = subjects.map((subject) => ({ ...subject, issuedUntil: nowSeconds, expiresAt }));
    await store.insertRevocations(transaction, revocations);
    await writeOutbox(
      transaction,
      revocations.map((revocation) => revocationEntry(revocation, userId)),
    );
    return { result, revocations };
  });
  for (const revocation of revocations) deps.denylist.add(revocation);
  if (revocations.length > 0) deps.outbox.wake();
  return result;
}

function revocationEntry({ kind, subject, issuedUntil, expiresAt }: Revocation, userId: string) {
  const options = { aggregate: { type: kind, id: subject, version: issuedUntil }, actor: userId };
  const common = { user_id: userId, expires_at: expiresAt };
  if (kind === 'token') return outboxEntry(TokenRevoked, { token_id: subject, ...common }, options);
  if (kind === 'session') return outboxEntry(SessionRevoked, { session_id: subject, ...common }, options);
  return outboxEntry(UserTokensRevoked, { issued_until: issuedUntil, ...common }, options);
}

/** The unexpired revocations that a process fills its denylist with; oldest first, as a full denylist evicts those. */
export async function listRevocations(deps: Pick<AuthDeps, 'database' | 'now'>): Promise<Revocation[]> {
  const newestFirst = await store.listRevocations(deps.database, new Date(deps.now()), MAX_LISTED);
  return newestFirst.reverse();
}
