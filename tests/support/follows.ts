import { expect } from 'bun:test';
import type { Answered } from './call';
import type { Member, startPeople } from './people';

export const statusOf = ({ status }: Answered): number => status;

/** What members of the users service do to each other's profiles. */
export function followActions({ call, join, messagesNamed }: Awaited<ReturnType<typeof startPeople>>) {
  let count = 0;
  const newcomer = () => join(`requester_${++count}`);
  const setLocked = (who: Member, locked: boolean) =>
    call('PATCH', '/users/me', { ...who, body: { locked } });
  return {
    newcomer,
    setLocked,
    async lockedMember(): Promise<Member> {
      const member = await newcomer();
      expect((await setLocked(member, true)).body.locked).toBe(true);
      return member;
    },
    act: (who: Member, action: 'follow' | 'unfollow' | 'block' | 'unblock', whom: Member) =>
      call('POST', `/users/${action}/${whom.username}`, who),
    answerRequest: (who: Member, whom: Member, answer: 'authorize' | 'reject') =>
      call('POST', `/users/me/follow-requests/${whom.username}/${answer}`, who),
    async pendingOf(who: Member): Promise<string[]> {
      const { body } = await call('GET', '/users/me/follow-requests', who);
      return (body.items as { username: string }[]).map(({ username }) => username);
    },
    profileOf: async (who: Member) => (await call('GET', `/users/${who.username}`)).body,
    followedEvents: async (followee: Member) =>
      (await messagesNamed('user.followed')).filter((row) => row.aggregateId.endsWith(followee.id)).length,
  };
}
