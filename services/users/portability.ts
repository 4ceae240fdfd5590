import { Type } from '@sinclair/typebox';
import { validated } from '#kit/errors/validation';
import {
  type Collection,
  EXPORT_PAGE_SIZE,
  exportedPage,
  type ImportedRecord,
  portabilityGrpc,
  wholeCollection,
} from '#kit/grpc/portability';
import { Username } from './accounts/model';
import { importProfile, ProfileRecord } from './accounts/portability';
import { requireUser } from './accounts/service';
import { findById, type UserRow } from './accounts/store';
import { ownProfileView } from './accounts/views';
import type { UsersDeps } from './deps';
import { exportRequests } from './relationships/requests-store';
import { type Actor, block, follow, mute } from './relationships/service';
import { type FollowPage, listFollowees, listFollowers, listRestricted } from './relationships/store';
import { findAuthorizations } from './roles/assignments-store';
import { blocks, mutes } from './schema';

const Person = Type.Object({ username: Username });

/** The data of people in this service. Others are named by their usernames. */
export const usersPortability = (deps: UsersDeps) =>
  portabilityGrpc([
    {
      name: 'profile',
      async exportPage(userId) {
        const user = await findById(deps.database, userId);
        return wholeCollection(user === undefined ? [] : [ownProfileView(user)]);
      },
      importRecord: ({ userId, data }) => importProfile(deps, userId, validated(ProfileRecord, data)),
    },
    {
      name: 'roles',
      async exportPage(userId) {
        const { roles } = await findAuthorizations(deps.database, userId);
        return wholeCollection(roles.map((name) => ({ name })));
      },
    },
    {
      ...followCollection('followees', (page) => listFollowees(deps.database, { ...page, isOwn: true })),
      // A request where the profile is locked. Like any follow, it is notified.
      importRecord: relate(deps, follow),
    },
    followCollection('followers', (page) => listFollowers(deps.database, { ...page, isOwn: true })),
    {
      name: 'follow-requests',
      async exportPage(userId) {
        const requests = await exportRequests(deps.database, userId);
        const all = [
          ...requests.follow_requests_sent.map((username) => ({ direction: 'sent', username })),
          ...requests.follow_requests_received.map((username) => ({ direction: 'received', username })),
        ];
        return wholeCollection(all);
      },
    },
    {
      ...restrictionCollection(deps, 'blocked', blocks),
      importRecord: relate(deps, block),
    },
    {
      ...restrictionCollection(deps, 'muted', mutes),
      importRecord: relate(deps, mute),
    },
  ]);

const usernameRecord = ({ username }: Pick<UserRow, 'username'>) => ({ data: { username } });

function followCollection(
  name: string,
  list: (page: FollowPage) => Promise<{ since: string; user: UserRow }[]>,
): Collection {
  return {
    name,
    async exportPage(userId, cursor) {
      const [since, otherId] = cursor?.split('/') ?? [];
      const before = since === undefined || otherId === undefined ? null : { since, otherId };
      const rows = await list({ userId, before, limit: EXPORT_PAGE_SIZE });
      return exportedPage(rows, {
        key: (row) => `${row.since}/${row.user.id}`,
        record: ({ user }) => usernameRecord(user),
      });
    },
  };
}

function restrictionCollection(
  deps: UsersDeps,
  name: string,
  table: typeof blocks | typeof mutes,
): Collection {
  return {
    name,
    async exportPage(userId, cursor) {
      const page = { userId, afterId: cursor ?? null, limit: EXPORT_PAGE_SIZE };
      const rows = await listRestricted(deps.database, table, page);
      return exportedPage(rows, { key: ({ id }) => id, record: usernameRecord });
    },
  };
}

/** Relationships can be repeated: they are the same afterwards. Nobody waits to see one of thousands. */
const relate = (
  deps: UsersDeps,
  change: (deps: UsersDeps, actor: Actor, username: string) => Promise<unknown>,
) => {
  const imports = { ...deps, deliverDirectly: async () => undefined };
  return async ({ userId, data }: ImportedRecord) => {
    const { username } = validated(Person, data);
    const [user, { roles }] = await Promise.all([
      requireUser(deps, userId),
      findAuthorizations(deps.database, userId),
    ]);
    await change(imports, { id: userId, username: user.username, roles }, username);
    return 'imported' as const;
  };
};
