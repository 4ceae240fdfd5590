import { afterAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { followActions } from '../../../tests/support/follows';
import { startPeople } from '../../../tests/support/people';
import { findRelationship } from './store';
import { authorizeBatches } from './unlocking';

const people = await startPeople();
const { close, database, deps, messagesNamed } = people;
const { act, answerRequest, lockedMember, newcomer, profileOf, setLocked } = followActions(people);
afterAll(close);

describe('concurrent changes', () => {
  test('of the same pair leave a follow, a request or neither, and counts that agree', async () => {
    const [me, owner] = [await newcomer(), await lockedMember()];
    const changes = {
      follow: () => act(me, 'follow', owner),
      unfollow: () => act(me, 'unfollow', owner),
      authorize: () => answerRequest(owner, me, 'authorize'),
      reject: () => answerRequest(owner, me, 'reject'),
      lock: () => setLocked(owner, true),
      unlock: () => setLocked(owner, false),
      block: () => act(owner, 'block', me),
      unblock: () => act(owner, 'unblock', me),
      followBack: () => act(owner, 'follow', me),
    };
    const names = Object.keys(changes) as (keyof typeof changes)[];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...names), { minLength: 2, maxLength: 8 }),
        async (chosen) => {
          const answers = await Promise.all(chosen.map((name) => changes[name]()));
          for (const { status } of answers) expect(status).toBeLessThan(500);
          while (await authorizeBatches(deps));
          const between = await findRelationship(database, me.id, owner.id);
          expect(between.oneFollowsOther && between.oneRequestedOther).toBe(false);
          if (between.blockedByOther)
            expect(between.oneFollowsOther || between.oneRequestedOther).toBe(false);
          const owned = await profileOf(owner);
          if (!owned.locked) expect(between.oneRequestedOther).toBe(false);
          expect(owned.followers_count).toBe(Number(between.oneFollowsOther));
          expect((await profileOf(me)).followees_count).toBe(Number(between.oneFollowsOther));
        },
      ),
      { numRuns: 40 },
    );
    const versions = (await messagesNamed('user.followed'))
      .concat(await messagesNamed('user.unfollowed'))
      .filter((row) => row.aggregateId === `${me.id}:${owner.id}`)
      .map((row) => row.aggregateVersion)
      .sort((one, other) => one - other);
    expect(versions).toEqual(versions.map((_, index) => index + 1));
  });

  test('two locked users who ask each other and answer at once do not deadlock', async () => {
    const [one, other] = [await lockedMember(), await lockedMember()];
    for (let round = 0; round < 5; round++) {
      await Promise.all([act(one, 'follow', other), act(other, 'follow', one)]);
      await Promise.all([answerRequest(one, other, 'authorize'), answerRequest(other, one, 'authorize')]);
      expect(await profileOf(one)).toMatchObject({ followers_count: 1, followees_count: 1 });
      await Promise.all([act(one, 'unfollow', other), act(other, 'unfollow', one)]);
    }
    expect(await profileOf(other)).toMatchObject({ followers_count: 0, followees_count: 0 });
  });

  test('an unlock never leaves a request that arrives at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const [me, owner] = [await newcomer(), await lockedMember()];
      const [followed] = await Promise.all([act(me, 'follow', owner), setLocked(owner, false)]);
      expect([202, 204]).toContain(followed.status);
      while (await authorizeBatches(deps));
      expect(await profileOf(owner)).toMatchObject({ followers_count: 1 });
    }
  });
});
