import { afterAll, describe, expect, test } from 'bun:test';
import { testRuntime } from '../../../tests/support/servers';
import { idsOf, startTimelines } from '../../../tests/support/timelines';

const runtime = testRuntime('timelines-lists');
const { block, call, join, post, storage } = await startTimelines(runtime);

afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

describe('lists', () => {
  test('pages hold every visible post once, while posts arrive and most of them are hidden', async () => {
    const [author, hidden, reader] = [
      await join('pager'),
      await join('pager_hidden'),
      await join('pager_reader'),
    ];
    await block('blocked', reader, hidden);
    const expected: string[] = [];
    for (let index = 0; index < 12; index++) {
      for (let each = 0; each < 5; each++) await post(hidden, { text: `#paging ${index}` });
      expected.unshift(await post(author, { text: `#paging ${index}` }));
    }
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const response = await call('GET', `/posts/tag/Paging?limit=5${cursor && `&cursor=${cursor}`}`, reader);
      seen.push(...idsOf(response));
      await post(author, { text: '#paging late' });
      if (response.body.next_cursor === null) break;
      expect(response.headers.get('link')).toContain('rel="next"');
      cursor = String(response.body.next_cursor);
    }
    expect(seen).toEqual(expected);
  });

  test('a tag is its own list: case and normalization form are ignored, accents and voicing are not', async () => {
    const author = await join('tagger');
    const año = await post(author, { text: '#año' });
    const ano = await post(author, { text: '#Ano' });
    const ka = await post(author, { text: '#か' });
    const ga = await post(author, { text: '#が' });
    const persian = await post(author, { text: '#نرم‌افزار' });
    for (const [tag, ids] of [
      ['AÑO', [año]],
      ['an\u0303o', [año]],
      ['ano', [ano]],
      ['か', [ka]],
      ['か\u3099', [ga]],
      ['نرم‌افزار', [persian]],
      ['نرم', []],
    ] as const)
      expect([tag, idsOf(await call('GET', `/posts/tag/${encodeURIComponent(tag)}`))]).toEqual([
        tag,
        [...ids],
      ]);
  });

  test('a username with a letter that is not ASCII is nobody, and nobody is mentioned by it', async () => {
    const author = await join('renxe');
    await post(author);
    expect((await call('GET', `/posts/${encodeURIComponent('renxé')}`)).status).toBe(404);
    const id = await post(author, { text: 'hello @renXé' });
    expect((await call('GET', `/posts/id/${id}`)).body.mentions).toEqual([]);
  });

  test('search finds posts with all words, for any input', async () => {
    const author = await join('searched');
    const id = await post(author, { text: 'The quick zebra jumped over Łódź' });
    await post(author, { text: 'another zebra' });
    for (const q of ['zebra quick', 'the ZEBRA jumped', 'łódź', '+zebra -another) "jumped* @distance'])
      expect([q, idsOf(await call('GET', `/posts/search?q=${encodeURIComponent(q)}`))]).toEqual([
        q,
        q.startsWith('+') ? [] : [id],
      ]);
    for (const q of ['"', '%', '+', '*', '(((', '- - -', '@%', '🎂'])
      expect(idsOf(await call('GET', `/posts/search?q=${encodeURIComponent(q)}`))).toEqual([]);
  });

  test('search finds parts of sentences without spaces, short words and emoji', async () => {
    const author = await join('polyglot');
    const tokyo = await post(author, { text: '昨日、東京タワーに行きました🎉' });
    const go = await post(author, { text: 'Go is ok' });
    const thai = await post(author, { text: 'ฉันอยู่ที่กรุงเทพมหานคร' });
    const deleted = await post(author, { text: '東京' });
    await call('DELETE', `/posts/id/${deleted}`, author);
    for (const [q, ids] of [
      ['東京', [tokyo]],
      ['ﾀﾜｰ 🎉', [tokyo]],
      ['go', [go]],
      ['กรุงเทพ', [thai]],
      ['京東', []],
      ['東京 go', []],
      ['行きましたら', []],
      ['ま'.repeat(200), []],
      [Array.from({ length: 200 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join(''), []],
    ] as const) {
      const response = await call('GET', `/posts/search?q=${encodeURIComponent(q)}`);
      expect([q, response.status, idsOf(response)]).toEqual([q, 200, [...ids]]);
    }
  });

  test('bookmarks are listed in the order they were added, and can be removed', async () => {
    const reader = await join('bookmarker');
    const ids = [await post(reader), await post(reader), await post(reader)];
    for (const id of [ids[2], ids[0], ids[0]]) await call('POST', `/posts/id/${id}/bookmark`, reader);
    const first = await call('GET', '/posts/bookmarks?limit=1', reader);
    expect(idsOf(first)).toEqual([String(ids[0])]);
    const rest = await call('GET', `/posts/bookmarks?cursor=${first.body.next_cursor}`, reader);
    expect(idsOf(rest)).toEqual([String(ids[2])]);
    await call('DELETE', `/posts/id/${ids[0]}/bookmark`, reader);
    expect(idsOf(await call('GET', '/posts/bookmarks', reader))).toEqual([String(ids[2])]);
  });

  test('posts of an unknown username are 503, not 404, while users is unavailable', async () => {
    expect((await call('GET', '/posts/no_such_person')).status).toBe(503);
  });

  test.each(['?limit=0', '?limit=101', '?cursor=rubbish'])('reject %s', async (query) => {
    expect((await call('GET', `/posts${query}`)).status).toBe(query.includes('cursor') ? 400 : 422);
  });
});
