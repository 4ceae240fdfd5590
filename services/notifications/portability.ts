import { validated } from '#kit/errors/validation';
import { EXPORT_PAGE_SIZE, type ExportedPage, portabilityGrpc, wholeCollection } from '#kit/grpc/portability';
import type { NotificationsDeps } from './deps';
import { SettingsChange } from './model';
import { changeSettings, readSettings } from './service';
import { listNotifications } from './store';
import { viewsOf } from './views';

/** The data of people in this service. */
export const notificationsPortability = (deps: NotificationsDeps) =>
  portabilityGrpc([
    {
      name: 'settings',
      exportPage: async (id) => wholeCollection([await readSettings(deps, { id })]),
      async importRecord({ userId: id, data }) {
        const change = validated(SettingsChange, data);
        const before = await readSettings(deps, { id });
        return Bun.deepEquals(before, await changeSettings(deps, { id }, change)) ? 'exists' : 'imported';
      },
    },
    // What others did: it cannot be imported.
    { name: 'notifications', exportPage: (userId, cursor) => exportNotifications(deps, userId, cursor) },
  ]);

async function exportNotifications(
  { database }: NotificationsDeps,
  userId: string,
  cursor: string | undefined,
): Promise<ExportedPage> {
  const rows = await listNotifications(
    database,
    { userId, unread: undefined, type: undefined },
    { before: cursor ?? null, limit: EXPORT_PAGE_SIZE },
  );
  const last = rows.at(-1);
  return {
    records: (await viewsOf(database, rows)).map((data) => ({ data })),
    nextCursor: last === undefined || rows.length < EXPORT_PAGE_SIZE ? undefined : String(last.position),
  };
}
