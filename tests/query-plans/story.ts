import { expect } from 'bun:test';
import { enterRoom } from '../support/chat';
import { type Client, join, type Reply, signIn, whileBusy } from '../support/client';
import { eventually } from '../support/eventually';

/**
 * What people do most, once each, and what follows from it: the statements of these use cases are the hot ones.
 *
 * @param name begins the names of the people, and of nobody else
 */
export async function doHotUseCases(url: string, name: string): Promise<void> {
  const [author, reader] = await Promise.all([join(url, `${name}_author`), join(url, `${name}_reader`)]);
  await signIn(url, reader.username);
  // Replicas of people arrive by events.
  await eventually(() => done(() => reader.post(`/users/follow/${author.username}`), 204));
  const post = await write(author, reader);
  await Promise.all([react(author, reader, post), talk(url, author), pay(reader)]);
  await eventually(async () => expect(await idsOf(reader, `/posts/home/${reader.username}`)).toContain(post));
  await eventually(async () => expect(await idsOf(author, '/notifications')).not.toEqual([]));
  const [notified] = await idsOf(author, '/notifications');
  await done(() => author.post('/notifications/read', { up_to: notified }), 200);
  for (const path of readsOf(author.username, reader.username, post)) await done(() => reader.get(path), 200);
  await done(() => reader.delete(`/likes/${post}`), 204);
  await done(() => author.delete(`/posts/id/${post}`), 204);
}

const readsOf = (author: string, reader: string, post: string) => [
  ...['/posts', `/posts/${author}`, `/posts/id/${post}`, `/posts/id/${post}/replies`, '/posts/tag/plans'],
  ...['/posts/search?q=hot', '/posts/bookmarks', `/posts/home/${reader}?limit=100`],
  ...[`/users/${author}`, '/users/me', `/users/${author}/followers`, `/users/${reader}/followees`],
  ...[`/users/${author}/relationship`, `/users/${reader}/likes`, `/likes/${post}/count`, '/likes/popular'],
  ...['/notifications/unread-count', '/notifications', '/notifications/settings', '/payments', '/invoices'],
  ...['/files', '/playlists', '/resumes', '/rooms', '/rooms/invitations', '/auth/sessions'],
];

/** @returns the id of the author's post */
async function write(author: Client, reader: Client): Promise<string> {
  const { body } = await done(
    () => author.post('/posts', { text: `Hot off the press #plans, @${reader.username}` }),
    201,
  );
  const id = String(body.id);
  await done(() => author.post('/posts', { text: 'Once' }, { 'idempotency-key': crypto.randomUUID() }), 201);
  await done(() => author.post('/posts/async', { text: 'Later' }), 202);
  await done(() => reader.post('/posts', { text: 'A reply', reply_to: id }), 201);
  await done(() => reader.post('/posts', { text: 'A quote', repost_of: id }), 201);
  return id;
}

async function react(author: Client, reader: Client, post: string): Promise<void> {
  await done(() => reader.post(`/likes/${post}`), 201);
  await done(() => reader.post(`/posts/id/${post}/bookmark`), 204);
  await done(() => reader.post(`/users/mute/${author.username}`), 204);
  await done(() => reader.post(`/users/unmute/${author.username}`), 204);
}

/** A message over a WebSocket, and the room's history. */
async function talk(url: string, author: Client): Promise<void> {
  const headers = { authorization: `Bearer ${author.token}` };
  const talker = await enterRoom(url, 'plans', { headers });
  talker.say('A message');
  await talker.got('message');
  talker.close();
  await done(() => author.get('/rooms/plans/messages'), 200);
}

async function pay(reader: Client): Promise<void> {
  const paid = { amount: '3.50', currency: 'EUR', description: 'A plan', payment_method: 'pm_ok' };
  const { body } = await done(
    () => reader.post('/payments', paid, { 'idempotency-key': crypto.randomUUID() }),
    202,
  );
  await eventually(async () =>
    expect((await reader.get(`/payments/${body.id}`)).body).toMatchObject({ status: 'succeeded' }),
  );
}

async function done(send: () => Promise<Reply>, status: number): Promise<Reply> {
  const reply = await whileBusy(send);
  if (reply.status !== status) throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`);
  return reply;
}

const idsOf = async (client: Client, path: string) =>
  ((await done(() => client.get(path), 200)).body.items as { id: string }[]).map(({ id }) => id);
