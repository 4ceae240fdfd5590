import { afterAll, describe, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import { outbox } from '#kit/messaging/tables';
import { testRuntime } from '../../../tests/support/servers';
import { idsOf, startTimelines } from '../../../tests/support/timelines';
import { posts } from '../schema';
import { recount } from './maintenance/recount';
import { isPlainRepost } from './reposts';

const runtime = testRuntime('timelines-quotes');
const likedIds: string[][] = [];
const likes = {
  async getCounts({ post_ids }: { post_ids: string[] }) {
    likedIds.push(post_ids);
    return { counts: post_ids.map((post_id) => ({ post_id, count: 7, liked_by_viewer: false })) };
  },
  async listLikedPosts({ user_ids }: { user_ids: string[] }) {
    return {
      people: user_ids.map((user_id) => ({
        user_id,
        post_ids: [],
        pending_post_ids: [],
        complete_since_ms: '0',
      })),
    };
  },
};
const { block, call, deps, join, mute, post, publish, relate, storage } = await startTimelines(runtime, {
  likes,
});

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

const read = async (id: string, reader?: { authorization: string }) => call('GET', `/posts/id/${id}`, reader);
const stateOf = async (id: string, reader?: { authorization: string }) => {
  const { status, body } = await read(id, reader);
  return [status, (body.quote as { state?: string } | null)?.state];
};

describe('a quote', () => {
  test('shows the quoted post, and is itself shown whatever becomes of that post', async () => {
    const [author, fan, reader] = [await join('quoted'), await join('quoter'), await join('quote_reader')];
    const original = await post(author, { text: 'the original' });
    const created = await call('POST', '/posts', { ...fan, body: { text: 'so true', repost_of: original } });
    const quote = String(created.body.id);
    expect(created.body).toMatchObject({
      repost_of: original,
      quote: { id: original, state: 'available', text: 'the original', author: { username: 'quoted' } },
      quotes_count: 0,
    });
    expect((await read(quote, fan)).body).toMatchObject({ quote: created.body.quote as object });
    expect((await read(original)).body).toMatchObject({ quote: null, quotes_count: 1, reposts_count: 0 });

    await block('blocked', author, fan);
    expect(await stateOf(quote, fan)).toEqual([200, 'unavailable']);
    expect(await stateOf(quote, reader)).toEqual([200, 'available']);
    await block('unblocked', author, fan);
    await mute('muted', reader, author);
    expect(await stateOf(quote, reader)).toEqual([200, 'unavailable']);
    await call('DELETE', `/posts/id/${original}`, author);
    for (const viewer of [fan, reader, undefined]) {
      const { status, body } = await read(quote, viewer);
      expect(status).toBe(200);
      expect(body).toMatchObject({ text: 'so true', repost_of: original });
      expect(body.quote).toEqual({ id: original, state: 'unavailable' });
    }
    expect(idsOf(await call('GET', '/posts/quoter'))).toEqual([quote]);
  });

  test('in a response that is repeated for its key shows no more than a read would', async () => {
    const [author, fan] = [await join('k_quoted'), await join('k_quoter')];
    const original = await post(author, { text: 'a secret' });
    const request = {
      ...fan,
      body: { text: 'so true', repost_of: original },
      headers: { 'idempotency-key': 'quote' },
    };
    const first = await call('POST', '/posts', request);
    const again = await call('POST', '/posts', request);
    expect([again.headers.get('idempotency-replayed'), again.body]).toEqual(['true', first.body]);
    await call('DELETE', `/posts/id/${original}`, author);
    const late = await call('POST', '/posts', request);
    expect([late.status, late.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(late.body).toEqual({ ...first.body, quote: { id: original, state: 'unavailable' } });
  });

  test('outlives the account of the quoted person, and a post for followers is not shown to others by it', async () => {
    const [author, fan] = [await join('leaving'), await join('staying')];
    await relate('followed', fan, author);
    const restricted = await post(author, { text: 'for followers', visibility: 'followers' });
    const quote = await post(fan, { text: 'look', repost_of: restricted });
    expect(await stateOf(quote, fan)).toEqual([200, 'available']);
    expect(await stateOf(quote)).toEqual([200, 'unavailable']);
    await publish('user.deleted', { id: author.id, version: 9 });
    expect(await stateOf(quote, fan)).toEqual([200, 'unavailable']);
  });

  test('may be repeated and is counted apart from the one plain repost', async () => {
    const [author, fan] = [await join('q_counted'), await join('q_counter')];
    const original = await post(author);
    const quotes = [
      await post(fan, { text: 'one', repost_of: original }),
      await post(fan, { text: 'two', repost_of: original }),
    ];
    await post(fan, { repost_of: original });
    const again = await call('POST', '/posts', { ...fan, body: { repost_of: original } });
    expect([again.status, again.body.code]).toEqual([409, 'post.already-reposted']);
    expect((await read(original)).body).toMatchObject({ reposts_count: 1, quotes_count: 2 });
    await call('DELETE', `/posts/id/${quotes[0]}`, fan);
    expect((await read(original)).body).toMatchObject({ reposts_count: 1, quotes_count: 1 });
    await storage.database.update(posts).set({ quotesCount: 9 }).where(eq(posts.id, original));
    expect(await recount(deps)).toBe(1);
    expect((await read(original)).body).toMatchObject({ reposts_count: 1, quotes_count: 1 });
    const events = (await storage.database.select().from(outbox)).filter(
      ({ name }) => name === 'post.created',
    );
    const quotesPublished = events.filter(({ payload }) => JSON.parse(payload).data.is_quote);
    expect(quotesPublished.map(({ aggregateId }) => aggregateId)).toEqual(expect.arrayContaining(quotes));
    expect(quotesPublished.every(({ payload }) => JSON.parse(payload).data.repost_of !== null)).toBe(true);
  });
});

describe('a plain repost', () => {
  test('hands replies and likes on to its original', async () => {
    const [author, fan, third] = [await join('p_author'), await join('p_fan'), await join('p_third')];
    const original = await post(author);
    const repost = await post(fan, { repost_of: original });
    const reply = await call('POST', '/posts', { ...third, body: { text: 'nice', reply_to: repost } });
    expect(reply.body).toMatchObject({ reply_to: original, root_id: original });
    expect((await read(original)).body.replies_count).toBe(1);
    expect(idsOf(await call('GET', `/posts/id/${original}/replies`))).toEqual([String(reply.body.id)]);
    expect(idsOf(await call('GET', `/posts/id/${repost}/replies`))).toEqual([String(reply.body.id)]);
    expect((await read(repost)).body.likes_count).toBe(7);
    expect(likedIds.flat()).not.toContain(repost);
  });

  test('has the counts of its original, at once and in every list', async () => {
    const [author, fan, third] = [await join('c_author'), await join('c_fan'), await join('c_third')];
    const original = await post(author);
    await post(third, { text: 'so true', repost_of: original });
    await post(third, { text: 'nice', reply_to: original });
    const created = await call('POST', '/posts', { ...fan, body: { repost_of: original } });
    const counts = { likes_count: 7, replies_count: 1, reposts_count: 1, quotes_count: 1 };
    expect(created.body).toMatchObject(counts);
    expect((await read(String(created.body.id))).body).toMatchObject(counts);
    const { body } = await call('GET', '/posts/c_fan');
    expect((body.items as object[])[0]).toMatchObject(counts);
  });

  test('of a repost is one of the original, also when it is quoted, and a quote of a quote shows one level', async () => {
    const [author, fan, third] = [await join('n_author'), await join('n_fan'), await join('n_third')];
    const original = await post(author, { text: 'first' });
    const repost = await post(fan, { repost_of: original });
    const again = await call('POST', '/posts', { ...third, body: { repost_of: repost } });
    expect(again.body).toMatchObject({ repost_of: original, quote: null, reposts_count: 2 });
    const quote = await call('POST', '/posts', { ...third, body: { text: 'second', repost_of: repost } });
    expect(quote.body).toMatchObject({ repost_of: original, quote: { id: original, text: 'first' } });
    const outer = await post(fan, { text: 'third', repost_of: String(quote.body.id) });
    expect((await read(outer)).body.quote).toMatchObject({ text: 'second', state: 'available' });
    expect((await read(outer)).body.quote).not.toHaveProperty('quote');
    await call('DELETE', `/posts/id/${original}`, author);
    expect(await stateOf(outer)).toEqual([200, 'available']);
    expect((await read(repost)).status).toBe(404);
    const gone = await call('POST', '/posts', { ...third, body: { text: 'late', repost_of: original } });
    expect([gone.status, gone.body.code]).toEqual([422, 'post.reference-not-found']);
  });

  test('is told from a quote by the database as by the code', async () => {
    const rows = await storage.database.select().from(posts).where(sql`${posts.repostOf} is not null`);
    expect(rows.some((row) => row.plainRepostOf === null)).toBe(true);
    for (const row of rows)
      expect([row.id, isPlainRepost(row)]).toEqual([row.id, row.plainRepostOf !== null]);
  });
});
