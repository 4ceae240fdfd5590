import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { startPeople } from '../../../tests/support/people';
import { users } from '../schema';

const { call, close, database, join, tokens } = await startPeople();
afterAll(close);

const me = await join('somebody');
const change = (body: object) => call('PATCH', '/users/me', { ...me, body });

describe('a phone number', () => {
  test.each([
    ['+49 30 123456', '+4930123456'],
    ['+1 (415) 555-2671', '+14155552671'],
    ['+44 20 7946 0958', '+442079460958'],
  ])('%s is stored as %s', async (typed, number) => {
    expect((await change({ phone_number: typed })).body.phone_number).toBe(number);
    expect((await call('GET', '/users/me', me)).body.phone_number).toBe(number);
  });

  test.each(['-----', '     ', '((((()', '+', '12345', '+999 123456789', '+49', '030 123456'])(
    '%j is refused wherever one is set',
    async (phone_number) => {
      const authorization = await tokens.authorization({ id: uuidv7(), username: 'x' }, ['users:manage']);
      const body = { username: 'phoned', email: 'phoned@example.com', password: 'a long password' };
      const answers = [
        await change({ phone_number }),
        await call('PATCH', `/users/id/${me.id}`, { authorization, body: { phone_number } }),
        await call('POST', '/register', { body: { ...body, phone_number } }),
        await call('POST', '/users', { authorization, body: { ...body, phone_number } }),
      ];
      for (const { status, body } of answers)
        expect([status, body.errors]).toMatchObject([422, [{ field: 'phone_number' }]]);
    },
  );

  test('from before is kept and shown until it is changed', async () => {
    const { id, ...signedIn } = await join('keeper');
    await database.update(users).set({ phoneNumber: '030 123456' }).where(eq(users.id, id));
    const { status, body } = await call('PATCH', '/users/me', { ...signedIn, body: { bio: 'Hello' } });
    expect([status, body.phone_number]).toEqual([200, '030 123456']);
  });
});
