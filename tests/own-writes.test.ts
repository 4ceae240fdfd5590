import { afterAll, describe, expect, test } from 'bun:test';
import { TimelinesServiceDefinition } from '#contracts/gen/timelines/v1/timelines';
import { startGrpcServer } from '#kit/grpc/server';
import type { InstanceDirectory } from '#kit/registry/instances';
import { timelinesGrpc } from '../services/timelines/grpc';
import type { UserEvent } from '../services/timelines/people/replication';
import { createDirectDelivery } from '../services/users/direct-delivery';
import { startPeople } from './support/people';
import { permittedClient } from './support/permitted-client';
import { testRuntime } from './support/servers';
import { type Member, startTimelines } from './support/timelines';

// Events stay in the outbox of users: nothing is delivered by RabbitMQ.
const timelinesRuntime = testRuntime('timelines');
const usersRuntime = testRuntime('users');
const timelines = await startTimelines(timelinesRuntime);
const { port } = await startGrpcServer(timelinesRuntime, {
  host: '127.0.0.1',
  port: 0,
  services: [timelinesGrpc(timelines.deps)],
  audience: 'timelines',
});

let registered: ReturnType<InstanceDirectory['instances']> = [];
const instanceAt = (grpc_port: number) => ({
  host: '127.0.0.1',
  port: grpc_port,
  grpc_port,
  state: 'up' as const,
});
const client = permittedClient(usersRuntime, {
  service: 'timelines',
  definition: TimelinesServiceDefinition,
  registry: { instances: () => registered, onChange: () => () => undefined },
});
/** Waits for as long as timelines takes: on a busy machine that is more than a request would wait. */
const patient = createDirectDelivery(usersRuntime, {
  applyUserEvents: (request) => client.applyUserEvents(request, { deadlineMs: 30_000 }),
});
const people = await startPeople({ deliverDirectly: patient });

afterAll(async () => {
  await people.close();
  await usersRuntime.close();
  await timelinesRuntime.close();
  await timelines.storage.drop();
});

/** Registers somebody, whose registration has been delivered. */
async function join(username: string) {
  const member = await people.join(username);
  const [created] = (await people.messagesNamed('user.created')).filter(
    (row) => row.aggregateId === member.id,
  );
  await timelines.publish('user.created', JSON.parse(created?.payload ?? '').data);
  const { id } = member;
  return {
    ...member,
    reader: { id, username, authorization: await timelines.tokens.authorization({ id, username }) },
  };
}

const act = async (what: string, username: string, by: Member) =>
  expect((await people.call('POST', `/users/${what}/${username}`, by)).status).toBe(204);

describe('whoever changes a relation sees its effect in their next request, before any event is delivered:', () => {
  test('a follow, an unfollow, a mute and a block', async () => {
    registered = [instanceAt(port)];
    const [me, author] = [await join('own_reader'), await join('own_author')];
    const post = await timelines.post(author.reader);
    const home = () => timelines.readHome(me.reader, 10);
    const isShown = async () => (await timelines.call('GET', `/posts/id/${post}`, me.reader)).status === 200;
    expect(await home()).toEqual([]);
    await act('follow', 'own_author', me);
    expect(await home()).toEqual([post]);
    await act('mute', 'own_author', me);
    expect(await home()).toEqual([]);
    await act('unmute', 'own_author', me);
    expect(await home()).toEqual([post]);
    await act('unfollow', 'own_author', me);
    expect(await home()).toEqual([]);
    await act('follow', 'own_author', me);
    await act('block', 'own_author', me);
    expect([await home(), await isShown()]).toEqual([[], false]);
    await act('unblock', 'own_author', me);
    // The block has ended the follow.
    expect([await home(), await isShown()]).toEqual([[], true]);

    // What is delivered later, in any order, changes nothing.
    await act('follow', 'own_author', me);
    await act('mute', 'own_author', me);
    for (const name of ['unmuted', 'muted', 'unblocked', 'blocked', 'unfollowed', 'followed'])
      for (const { payload } of await people.messagesNamed(`user.${name}`))
        await timelines.publish(`user.${name}`, (JSON.parse(payload) as UserEvent).data);
    expect(await home()).toEqual([]);
    await act('unmute', 'own_author', me);
    expect(await home()).toEqual([post]);
  });

  test('a new display name', async () => {
    registered = [instanceAt(port)];
    const me = await join('own_name');
    const post = await timelines.post(me.reader);
    const change = { ...me, body: { display_name: 'Another Name' } };
    expect((await people.call('PATCH', '/users/me', change)).status).toBe(200);
    const { body } = await timelines.call('GET', `/posts/id/${post}`, me.reader);
    expect(body.author).toMatchObject({ display_name: 'Another Name' });
  });
});

test('with timelines away, or its only instance dead, the request succeeds and the event is in the outbox', async () => {
  const [me, other] = [await join('own_alone'), await join('own_other')];
  registered = [];
  await act('block', 'own_other', me);
  // Nothing listens on port 1.
  registered = [instanceAt(1)];
  await act('mute', 'own_other', me);
  for (const name of ['user.blocked', 'user.muted'])
    expect((await people.messagesNamed(name)).map((row) => row.aggregateId)).toContain(
      `${me.id}:${other.id}`,
    );
});

test('timelines applies events only that are sent directly, all of a call or none', async () => {
  registered = [instanceAt(port)];
  const [me, author] = [await join('own_strict'), await join('own_strict_author')];
  await act('follow', 'own_strict_author', me);
  const post = await timelines.post(author.reader);
  await act('mute', 'own_strict_author', me);
  const [created] = await people.messagesNamed('user.created');
  const unmuted = (await people.messagesNamed('user.muted'))
    .at(-1)
    ?.payload.replace('user.muted', 'user.unmuted');
  const valid = unmuted?.replace(/"version":1}/, '"version":9}') ?? '';
  const apply = (...events: string[]) =>
    client.applyUserEvents({ events: events.map((each) => Buffer.from(each)) });
  for (const invalid of [created?.payload ?? '', '{}', 'no JSON'])
    await expect(apply(valid, invalid)).rejects.toMatchObject({ status: 422 });
  await expect(apply(...Array.from({ length: 11 }, () => valid))).rejects.toMatchObject({ status: 422 });
  expect(await timelines.readHome(me.reader, 10)).toEqual([]);
  await apply(valid);
  expect(await timelines.readHome(me.reader, 10)).toEqual([post]);
});
