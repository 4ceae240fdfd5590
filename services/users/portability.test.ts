import { afterAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { startPeople } from '../../tests/support/people';
import { exportAll, importAll, recordsIn } from '../../tests/support/portability';
import { usersPortability } from './portability';
import { follows, users } from './schema';

const [before, after] = await Promise.all([startPeople(), startPeople()]);
afterAll(() => Promise.all([before.close(), after.close()]));
const profile = {
  display_name: 'Ada Lovelace',
  first_name: 'Ada',
  last_name: 'Lovelace',
  phone_number: '+4930123456',
  date_of_birth: '1980-12-10',
  bio: 'Numbers 🧮',
  locale: 'de',
  avatar_url: 'https://example.com/ada.png',
  locked: true,
};

test('a profile and relationships are the same after an export and an import into an empty system', async () => {
  const ada = await before.join('ada');
  for (const name of ['friend', 'nuisance', 'bore', 'admirer']) await before.join(name);
  await before.call('POST', '/users/follow/friend', ada);
  await before.call('POST', '/users/block/nuisance', ada);
  await before.call('POST', '/users/mute/bore', ada);
  await before.call('PATCH', '/users/me', { ...ada, body: profile });
  const exported = await exportAll(usersPortability(before.deps), ada.id);
  expect(recordsIn(exported)).toMatchObject({
    profile: [{ username: 'ada', ...profile }],
    roles: [{ name: 'user' }],
    followees: [{ username: 'friend' }],
    followers: [],
    'follow-requests': [],
    blocked: [{ username: 'nuisance' }],
    muted: [{ username: 'bore' }],
  });

  const again = await after.join('ada');
  for (const name of ['friend', 'nuisance']) await after.join(name);
  const service = usersPortability(after.deps);
  expect(await importAll(service, again.id, exported)).toEqual({
    profile: { imported: 1 },
    followees: { imported: 1 },
    blocked: { imported: 1 },
    muted: { 'user.not-found': 1 },
  });
  const { id: _, created_at: __, email: ___, ...same } = (await before.call('GET', '/users/me', ada)).body;
  expect((await after.call('GET', '/users/me', again)).body).toMatchObject(same);
  const repeat = await importAll(service, again.id, exported);
  expect(repeat.profile).toEqual({ exists: 1 });
  expect((await after.call('GET', '/users/friend')).body.followers_count).toBe(1);
});

test('collections of more than one page are exported whole', async () => {
  const star = await before.join('star');
  const fans = Array.from({ length: 201 }, (_, index) => ({
    id: uuidv7(),
    username: `fan_${index}`,
    email: `fan_${index}@example.com`,
    displayName: 'A fan',
  }));
  await before.database.insert(users).values(fans);
  await before.database.insert(follows).values(
    fans.map(({ id }, index) => ({
      followerId: id,
      followeeId: star.id,
      active: true,
      version: 1,
      // Several at the same moment, on both sides of a page's end.
      since: String(1_000 + Math.floor(index / 7)),
    })),
  );
  const { followers } = recordsIn(await exportAll(usersPortability(before.deps), star.id));
  expect(new Set(followers?.map(({ username }) => username)).size).toBe(201);
});

test.each([
  ['profile', { date_of_birth: '1990-02-30' }],
  ['profile', { display_name: 'x'.repeat(10_000) }],
  ['followees', { username: '../..' }],
  ['blocked', []],
])('a hostile record of %s is skipped as invalid', async (collection, record) => {
  const eve = await after.join(`eve_${collection}_${JSON.stringify(record).length}`);
  const exported = { [collection]: [{ json: JSON.stringify(record), file: undefined }] };
  expect((await importAll(usersPortability(after.deps), eve.id, exported))[collection]).toEqual({
    'record.invalid': 1,
  });
});
