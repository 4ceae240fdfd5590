import { afterAll, describe, expect, test } from 'bun:test';
import { outbox } from '#kit/messaging/tables';
import { testRuntime } from '../../../tests/support/servers';
import { idsOf, startTimelines } from '../../../tests/support/timelines';

const runtime = testRuntime('timelines-create');
const { call, join, post, publish, storage, tokens } = await startTimelines(runtime);

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const messagesNamed = async (name: string) =>
  (await storage.database.select().from(outbox)).filter((row) => row.name === name);

const read = async (id: string, reader?: { authorization: string }) => call('GET', `/posts/id/${id}`, reader);

describe('POST /posts', () => {
  test('responds with the post, publishes post.created and enqueues the fan-out', async () => {
    const alice = await join('alice');
    const bob = await join('bob');
    const { status, headers, body } = await call('POST', '/posts', {
      ...alice,
      body: { text: '  Good morning, @Bob and @nobody_known #Birds #birds https://example.com/#no  ' },
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/posts/id/${body.id}`);
    expect(body).toMatchObject({
      author: { id: alice.id, username: 'alice', display_name: 'alice', avatar_url: null },
      text: 'Good morning, @Bob and @nobody_known #Birds #birds https://example.com/#no',
      mentions: [{ id: bob.id, username: 'bob' }],
      hashtags: ['birds'],
      media: [],
      visibility: 'public',
      likes_count: 0,
      liked_by_me: false,
      replies_count: 0,
      reposts_count: 0,
    });
    const published = (await messagesNamed('post.created')).map((row) => JSON.parse(row.payload).data);
    expect(published).toContainEqual(
      expect.objectContaining({ id: body.id, mentions: [bob.id], reply_to: null }),
    );
    expect((await messagesNamed('post.fan-out')).map((row) => row.aggregateId)).toContain(String(body.id));
    // Without the likes service the count is unknown, and everything else is present.
    const again = await read(String(body.id));
    expect(again.body).toEqual({ ...body, likes_count: null, liked_by_me: undefined } as never);
  });

  test.each([
    ['an empty body', {}],
    ['an empty text', { text: '' }],
    ['a blank text', { text: ' \n\u200b\u3000 ' }],
    ['a text with a control character', { text: 'a\u0007b' }],
    ['a lone surrogate', { text: 'a\ud800' }],
    ['one character too many', { text: 'x'.repeat(501) }],
    ['a text above the limit in code units', { text: 'x'.repeat(20_000) }],
    ['a number as text', { text: 1 }],
    ['an unknown visibility', { text: 'x', visibility: 'secret' }],
    ['a reply to an invalid id', { text: 'x', reply_to: 'abc' }],
    ['a reply to a post that does not exist', { text: 'x', reply_to: '12345' }],
    ['five media ids', { text: 'x', media_ids: Array.from({ length: 5 }, () => crypto.randomUUID()) }],
  ])('rejects %s', async (_what, body) => {
    const someone = await join('rejected');
    const sync = await call('POST', '/posts', { ...someone, body });
    const queued = await call('POST', '/posts/async', { ...someone, body });
    expect([sync.status, queued.status]).toEqual([422, 422]);
    expect(sync.headers.get('content-type')).toBe('application/problem+json');
  });

  test('measures length in graphemes, with every URL as 23 characters', async () => {
    const someone = await join('counting');
    await post(someone, { text: '👨‍👩‍👧‍👦'.repeat(500) });
    await post(someone, { text: `https://example.com/${'x'.repeat(900)} ${'x'.repeat(476)}` });
    const tooLong = { text: `https://example.com/ ${'x'.repeat(477)}` };
    expect((await call('POST', '/posts', { ...someone, body: tooLong })).status).toBe(422);
  });

  test('counts replies and reposts once each, until they are deleted', async () => {
    const author = await join('counted');
    const fan = await join('counter');
    const root = await post(author);
    const reply = await post(fan, { text: 'a reply', reply_to: root });
    const deeper = await post(author, { text: 'a nested reply', reply_to: reply });
    const repost = await post(fan, { repost_of: root });
    expect((await read(deeper)).body).toMatchObject({ reply_to: reply, root_id: root });
    expect((await read(root)).body).toMatchObject({ replies_count: 1, reposts_count: 1 });
    expect((await call('POST', '/posts', { ...fan, body: { repost_of: root } })).body.code).toBe(
      'post.already-reposted',
    );
    expect(idsOf(await call('GET', `/posts/id/${root}/replies`))).toEqual([reply, deeper]);
    for (const id of [reply, repost, repost]) await call('DELETE', `/posts/id/${id}`, fan);
    expect((await read(root)).body).toMatchObject({ replies_count: 0, reposts_count: 0 });
    const again = await post(fan, { repost_of: root });
    expect((await read(again)).body).toMatchObject({ repost_of: root, text: '' });
  });

  test('a repost of a repost refers to the original', async () => {
    const [one, two, three] = [await join('rp_one'), await join('rp_two'), await join('rp_three')];
    const original = await post(one);
    const repost = await post(two, { repost_of: original });
    const further = await post(three, { repost_of: repost });
    expect((await read(further)).body.repost_of).toBe(original);
    expect((await read(original)).body.reposts_count).toBe(2);
    await call('DELETE', `/posts/id/${original}`, one);
    expect((await read(repost)).status).toBe(404);
  });

  test('counts 20 concurrent replies', async () => {
    const author = await join('busy_author');
    const root = await post(author);
    await Promise.all(Array.from({ length: 20 }, () => post(author, { text: 'me too', reply_to: root })));
    expect((await read(root)).body.replies_count).toBe(20);
  });

  test('accepts an author whose user.created has not arrived, and rejects an erased one', async () => {
    const id = crypto.randomUUID();
    const early = {
      id,
      username: 'early',
      authorization: await tokens.authorization({ id, username: 'early' }),
    };
    const made = await post(early);
    expect((await read(made)).body.author).toMatchObject({ username: 'early' });
    await publish('user.created', {
      id,
      username: 'early',
      display_name: 'Early B.',
      avatar_url: null,
      version: 1,
    });
    expect((await read(made)).body.author).toMatchObject({ display_name: 'Early B.' });
    await publish('user.deleted', { id, version: 2 });
    expect((await read(made)).status).toBe(404);
    expect((await call('POST', '/posts', { ...early, body: { text: 'back' } })).status).toBe(404);
    await publish('user.created', {
      id,
      username: 'early',
      display_name: 'Early B.',
      avatar_url: null,
      version: 1,
    });
    expect((await call('POST', '/posts', { ...early, body: { text: 'back' } })).status).toBe(404);
  });
});

describe('Idempotency-Key', () => {
  test('20 concurrent retries create one post and get the same response, quoted or bare', async () => {
    const someone = await join('retrying');
    const send = (key: string, text = 'once') =>
      call('POST', '/posts', { ...someone, body: { text }, headers: { 'idempotency-key': key } });
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, index) => send(index % 2 === 0 ? '"k-1"' : 'k-1')),
    );
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(responses.map(({ body }) => body.id)).size).toBe(1);
    expect(responses.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(
      19,
    );
    expect(new Set(responses.map(({ headers }) => headers.get('location'))).size).toBe(1);
    expect(idsOf(await call('GET', '/posts/retrying'))).toHaveLength(1);
    expect((await send('k-1', 'something else')).body.code).toBe('idempotency.key-reused');
    expect((await send('k-2')).body.id).not.toBe(responses[0]?.body.id);
    expect((await send('x'.repeat(256))).status).toBe(400);
  });

  test('is scoped to the caller and the route', async () => {
    const [one, other] = [await join('same_key_a'), await join('same_key_b')];
    const request = { body: { text: 'mine' }, headers: { 'idempotency-key': 'shared' } };
    const responses = await Promise.all([
      call('POST', '/posts', { ...one, ...request }),
      call('POST', '/posts', { ...other, ...request }),
      call('POST', '/posts/async', { ...one, ...request }),
    ]);
    expect(new Set(responses.map(({ body }) => body.id)).size).toBe(3);
  });

  test('of a rejected request can be used again', async () => {
    const someone = await join('mending');
    const key = { headers: { 'idempotency-key': 'mended' } };
    expect((await call('POST', '/posts', { ...someone, ...key, body: { text: '' } })).status).toBe(422);
    expect((await call('POST', '/posts', { ...someone, ...key, body: { text: 'x' } })).status).toBe(201);
  });

  test('of an asynchronous POST returns the same id and enqueues one job', async () => {
    const someone = await join('queueing');
    const request = { ...someone, body: { text: 'later' }, headers: { 'idempotency-key': 'q' } };
    const [first, second] = [
      await call('POST', '/posts/async', request),
      await call('POST', '/posts/async', request),
    ];
    expect(first.status).toBe(202);
    expect(first.body).toMatchObject({ status: 'queued', location: first.headers.get('location') });
    expect(second.body).toEqual(first.body);
    const jobs = (await messagesNamed('post.create')).filter((row) => row.aggregateId === first.body.id);
    expect(jobs).toHaveLength(1);
    const pending = await read(String(first.body.id));
    expect([pending.status, pending.headers.get('retry-after')]).toEqual([404, '1']);
  });
});
