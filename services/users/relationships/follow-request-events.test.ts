import { afterAll, expect, test } from 'bun:test';
import { followActions } from '../../../tests/support/follows';
import { type Member, startPeople } from '../../../tests/support/people';
import { authorizeBatches } from './unlocking';

const people = await startPeople();
afterAll(people.close);
const { act, answerRequest, lockedMember, newcomer, setLocked } = followActions(people);

/** The events about the requests of a pair, oldest first, in short. */
async function eventsOf(follower: Member, followee: Member): Promise<string[]> {
  const rows = [
    ...(await people.messagesNamed('user.follow-requested')),
    ...(await people.messagesNamed('user.follow-request-closed')),
    ...(await people.messagesNamed('user.followed')),
  ].sort((one, other) => one.id - other.id);
  const ids: string[] = [];
  return rows.flatMap((row) => {
    if (row.aggregateId !== `${follower.id}:${followee.id}`) return [];
    const { name, data } = JSON.parse(row.payload);
    if (name === 'user.followed') return 'followed';
    if (name === 'user.follow-requested') ids.push(data.id);
    return `${data.outcome ?? 'requested'} ${ids.indexOf(data.id) + 1}`;
  });
}

test('a request is published once, however often it is made', async () => {
  const [me, owner] = [await newcomer(), await lockedMember()];
  for (let round = 0; round < 3; round++) await act(me, 'follow', owner);
  expect(await eventsOf(me, owner)).toEqual(['requested 1']);
});

test('every way in which a request ends is published with that request', async () => {
  const [me, owner] = [await newcomer(), await lockedMember()];
  const endings = [
    () => act(me, 'unfollow', owner),
    () => answerRequest(owner, me, 'reject'),
    () => act(owner, 'block', me),
    () => act(owner, 'unblock', me),
    () => act(me, 'block', owner),
    () => act(me, 'unblock', owner),
    () => answerRequest(owner, me, 'authorize'),
  ];
  for (const end of endings) {
    await act(me, 'follow', owner);
    await end();
    await end();
  }
  expect(await eventsOf(me, owner)).toEqual([
    ...['requested 1', 'withdrawn 1', 'requested 2', 'rejected 2', 'requested 3', 'rejected 3'],
    ...['requested 4', 'withdrawn 4', 'requested 5', 'authorized 5', 'followed'],
  ]);
});

test('unlocking the profile publishes what it authorizes', async () => {
  const [one, other, owner] = [await newcomer(), await newcomer(), await lockedMember()];
  for (const requester of [one, other]) await act(requester, 'follow', owner);
  await setLocked(owner, false);
  while (await authorizeBatches(people.deps));
  for (const requester of [one, other])
    expect(await eventsOf(requester, owner)).toEqual(['requested 1', 'authorized 1', 'followed']);
});
