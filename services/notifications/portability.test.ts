import { afterAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { startNotifications } from '../../tests/support/notifications';
import { exportAll, importAll, recordsIn } from '../../tests/support/portability';
import { testRuntime } from '../../tests/support/servers';
import { recordNotices } from './notices';
import { notificationsPortability } from './portability';

const runtime = testRuntime('notifications');
const { call, deps, join, storage } = await startNotifications(runtime);
afterAll(() => runtime.close().then(storage.drop));
const service = notificationsPortability(deps);

test('settings are the same after an export and an import, and notifications are exported whole', async () => {
  const [ada, bob, again] = [await join('ada'), await join('bob'), await join('again')];
  await call('PUT', '/notifications/settings', { ...ada, body: { like: 'off', reply: 'mail' } });
  await recordNotices(
    deps,
    Array.from({ length: 101 }, () => ({
      user_id: ada.id,
      type: 'reply' as const,
      actor_id: bob.id,
      object_id: uuidv7(),
    })),
  );
  const exported = await exportAll(service, ada.id);
  const records = recordsIn(exported);
  expect(new Set(records.notifications?.map(({ id }) => id)).size).toBe(101);
  expect(await importAll(service, again.id, exported)).toEqual({ settings: { imported: 1 } });
  const settings = async (of: typeof ada) => (await call('GET', '/notifications/settings', of)).body;
  expect(await settings(again)).toEqual(await settings(ada));
  expect(await settings(again)).toMatchObject({ like: 'off', reply: 'mail' });
  expect(await importAll(service, again.id, exported)).toEqual({ settings: { exists: 1 } });
});
