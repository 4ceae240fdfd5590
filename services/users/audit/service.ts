import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, readPageQuery, toPage } from '#kit/http/lists/pagination';
import type { Transaction } from '#kit/mysql/database';
import { currentTrace } from '#kit/tracing/context';
import type { UsersDeps } from '../deps';
import type { AuditEntry, AuditQuery, Change } from './model';
import * as store from './store';

export type AuditAction =
  | 'user.registered'
  | 'user.changed'
  | 'user.erased'
  | 'user.roles-set'
  | 'user.second-factors-removed'
  | 'role.created'
  | 'role.changed'
  | 'role.permissions-set'
  | 'role.deleted'
  | 'permission.created';

export interface AuditedAction {
  readonly actor: Pick<Caller, 'id'>;
  readonly action: AuditAction;
  readonly target: { readonly type: AuditEntry['target_type']; readonly id: string };
  readonly changes: readonly Change[];
}

/** Fields whose values the log retains permanently; every other field of a user is personal data. */
const NON_PERSONAL_FIELDS = new Set(['active', 'email_verified', 'roles', 'permissions', 'locale', 'locked']);

/** Writes an operator's action to the audit log, in the transaction of the action itself. */
export async function recordAction(
  transaction: Transaction,
  { actor, action, target, changes }: AuditedAction,
): Promise<void> {
  const personal =
    target.type === 'user' ? changes.filter(({ field }) => !NON_PERSONAL_FIELDS.has(field)) : [];
  await store.insertEntry(
    transaction,
    {
      id: uuidv7(),
      actorId: actor.id,
      action,
      targetType: target.type,
      targetId: target.id,
      requestId: currentTrace().requestId,
      changes: changes.map((change) => (personal.includes(change) ? { field: change.field } : change)),
    },
    personal.filter((change) => 'before' in change || 'after' in change),
  );
}

/** The fields that differ between two states. A field missing in one of them counts as null. */
export function changesBetween(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Change[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((field) => ({ field, before: before[field] ?? null, after: after[field] ?? null }))
    .filter((change) => !Bun.deepEquals(change.before, change.after));
}

export async function listAuditEntries(
  { database }: Pick<UsersDeps, 'database'>,
  query: AuditQuery,
): Promise<Page<AuditEntry>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
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
