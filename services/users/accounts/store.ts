import { and, desc, eq, inArray, like, lt, or, sql } from 'drizzle-orm';
import { isUuid } from '#kit/core/ids';
import { type Database, type Executor, preparedOnce, type Transaction } from '#kit/mysql/database';
import { permissions, rolePermissions, roles, userRoles, users } from '../schema';

export type UserRow = typeof users.$inferSelect;

const prepared = preparedOnce((database) => ({
  byUsername: database
    .select()
    .from(users)
    .where(eq(users.username, sql.placeholder('username')))
    .prepare(),
  byId: database
    .select()
    .from(users)
    .where(eq(users.id, sql.param(sql.placeholder('id'), users.id)))
    .prepare(),
}));

export async function findByUsername(database: Database, username: string): Promise<UserRow | undefined> {
  const [user] = await prepared(database).byUsername.execute({ username });
  return user;
}

export async function findById(database: Database, id: string): Promise<UserRow | undefined> {
  if (!isUuid(id)) return undefined;
  const [user] = await prepared(database).byId.execute({ id });
  return user;
}

export async function findByIds(database: Database, ids: readonly string[]): Promise<UserRow[]> {
  const known = ids.filter(isUuid);
  return known.length === 0 ? [] : database.select().from(users).where(inArray(users.id, known));
}

/** Rows locked in the order of their ids, so that two transactions that need the same ones never wait for each other. */
export async function lockUsers(
  transaction: Transaction,
  ids: readonly string[],
): Promise<Map<string, UserRow>> {
  const rows = await transaction
    .select()
    .from(users)
    .where(inArray(users.id, [...ids].sort()))
    .orderBy(users.id)
    .for('update');
  return new Map(rows.map((row) => [row.id, row]));
}

export async function insertUser(transaction: Transaction, user: typeof users.$inferInsert): Promise<void> {
  await transaction.insert(users).values(user);
}

/** Changes a person's row and its version. */
export async function updateUser(
  transaction: Transaction,
  id: string,
  change: Partial<typeof users.$inferInsert>,
): Promise<void> {
  await transaction
    .update(users)
    .set({ ...change, version: sql`${users.version} + 1` })
    .where(eq(users.id, id));
}

/** Makes people's rows newer without changing anything else in them. */
export async function raiseVersions(transaction: Transaction, ids: readonly string[]): Promise<void> {
  await transaction
    .update(users)
    .set({ version: sql`${users.version} + 1` })
    .where(inArray(users.id, [...ids]));
}

export async function deleteUser(transaction: Transaction, id: string): Promise<void> {
  await transaction.delete(userRoles).where(eq(userRoles.userId, id));
  await transaction.delete(users).where(eq(users.id, id));
}

/** Adds to the count of a person's posts; never below zero. */
export async function addToPostsCount(transaction: Transaction, id: string, by: 1 | -1): Promise<void> {
  await transaction
    .update(users)
    .set({ postsCount: sql`greatest(0, cast(${users.postsCount} as signed) + ${by})` })
    .where(eq(users.id, id));
}

/** People newest first, optionally those whose names or address begin with a text. */
export async function listUsers(
  database: Database,
  request: { query: string | undefined; beforeId: string | null; limit: number },
): Promise<UserRow[]> {
  const beginsWith = request.query === undefined ? undefined : `${request.query.replace(/[\\%_]/g, '\\$&')}%`;
  return database
    .select()
    .from(users)
    .where(
      and(
        beginsWith === undefined
          ? undefined
          : or(
              like(users.username, beginsWith),
              like(users.email, beginsWith),
              like(users.displayName, beginsWith),
            ),
        request.beforeId === null || !isUuid(request.beforeId) ? undefined : lt(users.id, request.beforeId),
      ),
    )
    .orderBy(desc(users.id))
    .limit(request.limit);
}

/** The names of a person's roles, and of all that these permit. */
export async function findAuthorizations(executor: Executor, userId: string): Promise<Authorizations> {
  return (await findAuthorizationsOf(executor, [userId]))(userId);
}

export interface Authorizations {
  readonly roles: string[];
  readonly permissions: string[];
}

/** The same for several people at once. */
export async function findAuthorizationsOf(
  executor: Executor,
  userIds: readonly string[],
): Promise<(userId: string) => Authorizations> {
  const rows = await executor
    .select({ userId: userRoles.userId, role: roles.name, permission: permissions.name })
    .from(userRoles)
    .innerJoin(roles, eq(roles.id, userRoles.roleId))
    .leftJoin(rolePermissions, eq(rolePermissions.roleId, roles.id))
    .leftJoin(permissions, eq(permissions.id, rolePermissions.permissionId))
    .where(inArray(userRoles.userId, [...userIds]));
  const byUser = Map.groupBy(rows, (row) => row.userId);
  return (userId) => {
    const own = byUser.get(userId) ?? [];
    return {
      roles: [...new Set(own.map((row) => row.role))].sort(),
      permissions: [...new Set(own.flatMap((row) => row.permission ?? []))].sort(),
    };
  };
}
