import { afterAll, expect, test } from 'bun:test';
import { inTransaction } from '#kit/mysql/database';
import { startPeople } from '../../../tests/support/people';
import { applyAvatar } from './lifecycle';

const service = await startPeople();
afterAll(service.close);

test('a processed avatar is shown in the profile and published to the services that replicate it', async () => {
  const { id, username, authorization } = await service.join('portrayed');
  const avatarUrl = 'http://rookery.test/files/1/content/small';
  await inTransaction(service.database, (transaction) => applyAvatar(transaction, id, avatarUrl));
  const { body } = await service.call('GET', `/users/${username}`, { authorization });
  expect(body.avatar_url).toBe(avatarUrl);
  const [published] = await service.messagesNamed('user.updated');
  expect(JSON.parse(published?.payload ?? '').data).toMatchObject({ id, avatar_url: avatarUrl });
  await inTransaction(service.database, (transaction) => applyAvatar(transaction, id, null));
  expect((await service.call('GET', `/users/${username}`)).body.avatar_url).toBeNull();
});

test('an avatar of a deleted user is ignored', async () => {
  await inTransaction(service.database, (transaction) =>
    applyAvatar(transaction, Bun.randomUUIDv7(), 'http://rookery.test/a'),
  );
});
