import { afterAll, expect, test } from 'bun:test';
import { inTransaction } from '#kit/mysql/database';
import { startPeople } from '../../../tests/support/people';
import { takeOverAvatar } from './service';

const service = await startPeople();
afterAll(service.close);

test('an avatar that was uploaded is in the profile, and told to everybody who keeps a copy', async () => {
  const { id, username, authorization } = await service.join('portrayed');
  const avatarUrl = 'http://rookery.test/files/1/content/small';
  await inTransaction(service.database, (transaction) => takeOverAvatar(transaction, id, avatarUrl));
  const { body } = await service.call('GET', `/users/${username}`, { authorization });
  expect(body.avatar_url).toBe(avatarUrl);
  const [told] = await service.messagesNamed('user.updated');
  expect(JSON.parse(told?.payload ?? '').data).toMatchObject({ id, avatar_url: avatarUrl });
  await inTransaction(service.database, (transaction) => takeOverAvatar(transaction, id, null));
  expect((await service.call('GET', `/users/${username}`)).body.avatar_url).toBeNull();
});

test('an avatar of somebody who has been erased changes nothing', async () => {
  await inTransaction(service.database, (transaction) =>
    takeOverAvatar(transaction, Bun.randomUUIDv7(), 'http://rookery.test/a'),
  );
});
