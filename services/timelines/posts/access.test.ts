import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { firstIdAt } from '#kit/core/ids';
import { outbox } from '#kit/messaging/tables';
import { testRuntime } from '../../../tests/support/servers';
import { idsOf, startTimelines } from '../../../tests/support/timelines';
import { posts } from '../schema';
import { recount } from './maintenance/recount';

const runtime = testRuntime('timelines-access');
const { block, call, deps, join, mute, post, relate, storage, tokens } = await startTimelines(runtime);

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const messagesNamed = async (name: string) =>
  (await storage.database.select().from(outbox)).filter((row) => row.name === name);

const read = async (id: string, reader?: { authorization: string }) => call('GET', `/posts/id/${id}`, reader);

describe('visibility', () => {
  test('followers-only posts are visible to followers and the author', async () => {
    const [author, fan, other] = [await join('shy'), await join('shy_fan'), await join('shy_other')];
    await relate('followed', fan, author);
    const id = await post(author, { text: 'between us #quiet', visibility: 'followers' });
    for (const reader of [author, fan]) expect((await read(id, reader)).status).toBe(200);
    for (const reader of [other, undefined]) {
      expect((await read(id, reader)).status).toBe(404);
      expect(idsOf(await call('GET', '/posts/shy', reader))).toEqual([]);
      expect(idsOf(await call('GET', '/posts/tag/quiet', reader))).toEqual([]);
      expect(idsOf(await call('GET', '/posts/search?q=between', reader))).toEqual([]);
    }
    expect((await call('POST', `/posts/id/${id}/bookmark`, other)).status).toBe(404);
    expect((await call('POST', '/posts', { ...other, body: { text: 'x', reply_to: id } })).body.code).toBe(
      'post.reference-not-found',
    );
    await relate('unfollowed', fan, author);
    expect((await read(id, fan)).status).toBe(404);
  });

  test('a hidden post is like one that does not exist, also when it is fresh', async () => {
    const [author, other, blocked] = [await join('coy'), await join('coy_other'), await join('coy_blocked')];
    await block('blocked', author, blocked);
    const hidden = await post(author, { text: 'between us', visibility: 'followers' });
    const missing = String(Number(hidden) + 1);
    const answer = async (method: string, path: string, reader: object, body?: object) => {
      const {
        status,
        headers,
        body: problem,
      } = await call(method, path, { ...reader, ...(body && { body }) });
      const { request_id: _, instance: __, ...rest } = problem;
      const told = Object.fromEntries(headers);
      delete told['x-request-id'];
      return { status, told, rest };
    };
    for (const reader of [other, blocked, {}])
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/replies'],
        ['DELETE', ''],
        ['POST', '/bookmark'],
        ['DELETE', '/bookmark'],
      ] as const)
        expect([method, path, await answer(method, `/posts/id/${hidden}${path}`, reader)]).toEqual([
          method,
          path,
          await answer(method, `/posts/id/${missing}${path}`, reader),
        ]);
    for (const reader of [other, blocked])
      for (const path of ['/posts', '/posts/async'])
        for (const field of ['reply_to', 'repost_of'])
          expect(await answer('POST', path, reader, { text: 'x', [field]: hidden })).toEqual(
            await answer('POST', path, reader, { text: 'x', [field]: missing }),
          );
  });

  test('a followers-only reply or quote is in no count, nor is its end', async () => {
    const [author, root] = [await join('counted'), await post(await join('counted_root'))];
    const ids = [
      await post(author, { text: 'x', reply_to: root, visibility: 'followers' }),
      await post(author, { text: 'x', repost_of: root, visibility: 'followers' }),
    ];
    await post(author, { text: 'x', reply_to: root });
    const counts = async () => (await read(root)).body;
    expect(await counts()).toMatchObject({ replies_count: 1, quotes_count: 0 });
    expect(await recount(deps)).toBe(0);
    for (const id of ids) expect((await call('DELETE', `/posts/id/${id}`, author)).status).toBe(204);
    expect(await counts()).toMatchObject({ replies_count: 1, quotes_count: 0 });
  });

  test('a block hides both users from each other, rejects replies and drops mentions', async () => {
    const [one, other] = [await join('blocker'), await join('blockee')];
    const [byOne, byOther] = [await post(one), await post(other)];
    await block('blocked', one, other);
    expect([(await read(byOne, other)).status, (await read(byOther, one)).status]).toEqual([404, 404]);
    expect((await read(byOne)).status).toBe(200);
    const reply = { text: 'x', reply_to: byOne };
    expect((await call('POST', '/posts', { ...other, body: reply })).body).toMatchObject({
      status: 403,
      code: 'user.blocked',
    });
    const mention = await call('POST', '/posts', { ...other, body: { text: 'hello @blocker' } });
    expect(mention.body.mentions).toEqual([]);
    await block('unblocked', one, other);
    expect((await read(byOne, other)).status).toBe(200);
  });

  test('muted authors are absent from the home timeline, reposts included, and present elsewhere', async () => {
    const [me, loud, friend] = [await join('muter'), await join('loud'), await join('muters_friend')];
    await relate('followed', me, loud);
    await relate('followed', me, friend);
    const id = await post(loud);
    await post(friend, { repost_of: id });
    await mute('muted', me, loud);
    expect(idsOf(await call('GET', '/posts/home/muter', me))).toEqual([]);
    expect(idsOf(await call('GET', '/posts/loud', me))).toEqual([id]);
    await mute('unmuted', me, loud);
    expect(idsOf(await call('GET', '/posts/home/muter', me))).toHaveLength(2);
  });

  test('a home timeline is readable by its owner only', async () => {
    const [me] = [await join('private_home'), await join('other_home')];
    const { status, body } = await call('GET', '/posts/home/other_home', me);
    expect([status, body.code]).toEqual([403, 'auth.forbidden']);
    expect((await call('GET', '/posts/home/PRIVATE_HOME', me)).status).toBe(200);
  });

  test('only the author and moderators can delete a post, and post.deleted is published once', async () => {
    const [author, other] = [await join('deleting'), await join('not_deleting')];
    const [first, second] = [await post(author), await post(author)];
    expect((await call('DELETE', `/posts/id/${first}`, other)).status).toBe(403);
    const authorization = await tokens.authorization(other, ['posts:moderate']);
    expect((await call('DELETE', `/posts/id/${first}`, { authorization })).status).toBe(204);
    expect((await call('DELETE', `/posts/id/${second}`, author)).status).toBe(204);
    expect((await call('DELETE', `/posts/id/${second}`, author)).status).toBe(404);
    const published = (await messagesNamed('post.deleted')).map((row) => JSON.parse(row.payload).data);
    expect(published.filter((data) => data.author_id === author.id)).toHaveLength(2);
    const [row] = await storage.database.select().from(posts).where(eq(posts.id, first));
    expect(row?.text).toBe('');
  });
});

test('a conditional request for an unchanged post gets 304', async () => {
  const id = await post(await join('cached'));
  const { headers } = await read(id);
  const again = await call('GET', `/posts/id/${id}`, {
    headers: { 'if-none-match': String(headers.get('etag')) },
  });
  expect(again.status).toBe(304);
});

test('an old id that was never assigned is not found, without Retry-After', async () => {
  const response = await read(firstIdAt(new Date(Date.now() - 120_000)));
  expect([response.status, response.headers.get('retry-after')]).toEqual([404, null]);
});
