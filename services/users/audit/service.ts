import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { type Page, readPageQuery, toPage } from '#kit/http/pagination';
import type { Database, Transaction } from '#kit/mysql/database';
import { currentTrace } from '#kit/tracing/context';
import type { AuditEntry, AuditQuery, Change } from './model';
import * as store from './store';

export type AuditAction =
  | 'user.registered'
  | 'user.changed'
  | 'user.erased'
  | 'user.roles-set'
  | 'role.created'
  | 'role.changed'
  | 'role.permissions-set'
  | 'role.deleted'
  | 'permission.created';

export interface Act {
  readonly actor: Pick<Caller, 'id'>;
  readonly action: AuditAction;
  readonly target: { readonly type: AuditEntry['target_type']; readonly id: string };
  readonly changes: readonly Change[];
}

/** What may be written down for good; every other field of a person is personal. */
const IMPERSONAL_FIELDS = new Set(['active', 'roles', 'permissions', 'locale']);

/** Writes down what somebody in charge does, in the transaction that does it: there is never one without the other. */
export async function recordAct(transaction: Transaction, act: Act): Promise<void> {
  const personal =
    act.target.type === 'user' ? act.changes.filter(({ field }) => !IMPERSONAL_FIELDS.has(field)) : [];
  await store.insertEntry(
    transaction,
    {
      id: uuidv7(),
      actorId: act.actor.id,
      action: act.action,
      targetType: act.target.type,
      targetId: act.target.id,
      requestId: currentTrace().requestId,
      changes: act.changes.map((change) => (personal.includes(change) ? { field: change.field } : change)),
    },
    personal.filter((change) => 'before' in change || 'after' in change),
  );
}

/** The fields that differ between two states; those only one of them has changed from or to null. */
export function changesBetween(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Change[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((field) => ({ field, before: before[field] ?? null, after: after[field] ?? null }))
    .filter((change) => !Bun.deepEquals(change.before, change.after));
}

export async function listAudit(
  { database }: { database: Database },
  query: AuditQuery,
): Promise<Page<AuditEntry>> {
  const { limit, after } = readPageQuery<[string]>(query, 1);
  const rows = await store.listEntries(database, {
    actorId: query.actor,
    targetId: query.target,
    beforeId: after?.[0] ?? null,
    limit: limit + 1,
  });
  return toPage(
    rows,
    limit,
    ({ entry }) => [entry.id],
    ({ entry, personal, actorUsername, targetUsername }) => ({
      id: entry.id,
      at: entry.at.toISOString(),
      action: entry.action,
      actor_id: entry.actorId,
      actor_username: actorUsername,
      target_type: entry.targetType,
      target_id: entry.targetId,
      target_username: targetUsername,
      request_id: entry.requestId,
      changes: entry.changes.map((change) => personal?.find(({ field }) => field === change.field) ?? change),
    }),
  );
}
