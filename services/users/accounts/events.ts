import { AuthCredentialsSet, AuthEmailSet } from '#contracts/events/auth';
import { UserCreated, UserDeleted, UserUpdated } from '#contracts/events/users';
import { type OutboxEntry, outboxEntry } from '#kit/messaging/outbox';
import { shownWebUrl } from '#kit/text/web-url';
import type { PreparedPassword } from './credentials';
import type { UserRow } from './store';

export const userCreated = (user: UserRow, actor: string): OutboxEntry =>
  outboxEntry(UserCreated, replicaOf(user), { aggregate: aggregateOf(user), actor });

export const userUpdated = (user: UserRow, actor: string): OutboxEntry =>
  outboxEntry(UserUpdated, replicaOf(user), { aggregate: aggregateOf(user), actor });

export const userDeleted = (user: UserRow, actor: string): OutboxEntry => {
  const deleted = { id: user.id, version: user.version + 1 };
  return outboxEntry(UserDeleted, deleted, { aggregate: aggregateOf(deleted), actor });
};

export const credentialsSet = (user: UserRow, password: PreparedPassword, actor: string): OutboxEntry =>
  outboxEntry(
    AuthCredentialsSet,
    {
      user_id: user.id,
      username: user.username,
      email: user.email,
      version: user.version,
      sealed: password.sealed,
    },
    { aggregate: aggregateOf(user), actor },
  );

export const emailSet = (user: UserRow, actor: string): OutboxEntry =>
  outboxEntry(
    AuthEmailSet,
    { user_id: user.id, email: user.email, version: user.version },
    { aggregate: aggregateOf(user), actor },
  );

const aggregateOf = ({ id, version }: Pick<UserRow, 'id' | 'version'>) => ({ type: 'user', id, version });

/** The fields that other services replicate. */
const replicaOf = (user: UserRow) => ({
  id: user.id,
  username: user.username,
  display_name: user.displayName,
  avatar_url: shownWebUrl(user.avatarUrl),
  active: user.active,
  version: user.version,
});
