import { EXPORT_PAGE_SIZE, exportedPage, portabilityGrpc, wholeCollection } from '#kit/grpc/portability';
import type { Database } from '#kit/mysql/database';
import { allowedAppView } from './apps/consents';
import { listConsents } from './apps/store';
import { listIdentities } from './identities/store';
import { passkeyView } from './passkeys/service';
import { listPasskeys } from './passkeys/store';
import { findFactors } from './second-factors/store';
import { listAllSessions } from './sessions/store';

/** The data of people in this service, without secrets. A sign-in cannot be imported. */
export const authPortability = ({ database }: { database: Database }) =>
  portabilityGrpc([
    {
      name: 'sessions',
      async exportPage(userId, cursor) {
        const page = { beforeId: cursor ?? null, limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listAllSessions(database, userId, page), {
          key: ({ id }) => id,
          record: (session) => ({
            data: {
              id: session.id,
              address: session.address,
              user_agent: session.userAgent,
              created_at: session.createdAt.toISOString(),
              last_used_at: session.lastUsedAt.toISOString(),
              expires_at: session.expiresAt.toISOString(),
              ended_at: session.endedAt?.toISOString() ?? null,
              app_id: session.appId,
              scopes: session.scopes,
            },
          }),
        });
      },
    },
    {
      name: 'apps',
      async exportPage(userId, cursor) {
        const page = { beforeId: cursor ?? null, limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listConsents(database, userId, page), {
          key: ({ app }) => app.id,
          record: (allowed) => ({ data: allowedAppView(allowed) }),
        });
      },
    },
    {
      name: 'second-factors',
      async exportPage(userId) {
        const { totpSince, recoveryCodes } = await findFactors(database, userId);
        if (totpSince === null && recoveryCodes === 0) return { records: [], nextCursor: undefined };
        const data = {
          authenticator_app_since: totpSince?.toISOString() ?? null,
          recovery_codes_left: recoveryCodes,
        };
        return { records: [{ data }], nextCursor: undefined };
      },
    },
    {
      name: 'passkeys',
      async exportPage(userId, cursor) {
        const page = { afterId: cursor ?? null, limit: EXPORT_PAGE_SIZE };
        return exportedPage(await listPasskeys(database, userId, page), {
          key: ({ id }) => id,
          record: (passkey) => ({ data: passkeyView(passkey) }),
        });
      },
    },
    {
      name: 'identities',
      async exportPage(userId) {
        const linked = await listIdentities(database, userId);
        return wholeCollection(
          linked.map((identity) => ({
            provider: identity.provider,
            subject: identity.subject,
            account: identity.label,
            linked_at: identity.linkedAt.toISOString(),
            last_used_at: identity.lastUsedAt?.toISOString() ?? null,
          })),
        );
      },
    },
  ]);
