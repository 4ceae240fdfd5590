import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { count, eq } from 'drizzle-orm';
import { uuidv7 } from '#kit/core/ids';
import { routeClaims } from '#kit/http/route-claims';
import { inTransaction } from '#kit/mysql/database';
import type { Answered } from '../../tests/support/call';
import { startPlaylists } from '../../tests/support/playlists';
import { evenPositions } from './rules';
import { owners, playlists, playlistVideos } from './schema';
import { deletePlaylistsOf, updatePlaylist, upsertVideos } from './store';

const { app, call, close, deadlineMs, deps, freshVideos, person, video } = await startPlaylists();
afterAll(close);
beforeEach(() => {
  video.failures = { latency_ms: 0, error_percent: 0 };
  video.unavailable = false;
});

const ada = await person();
const bob = await person();
/** Reserved for all tests: `freshVideos` does not return them again. */
const [first = '', second = '', third = '', fourth = ''] = freshVideos(4);

async function create(body: object = {}, owner = ada): Promise<Answered> {
  const created = await call('POST', '/playlists', { ...owner, body: { name: 'A list', ...body } });
  expect(created.status).toBe(201);
  return created;
}
const pathOf = (response: Answered) => String(response.headers.get('location'));
const videosIn = async (path: string) =>
  ((await call('GET', path, ada)).body.videos as { video_id: string }[]).map((each) => each.video_id);
const ifMatch = (etag: unknown) => ({ headers: { 'if-match': String(etag) } });

describe('a playlist', () => {
  test('is created, read at its Location, replaced, updated and deleted', async () => {
    const created = await create({
      name: 'Évenings 🎬',
      description: 'Long',
      visibility: 'public',
      video_ids: [second, first],
    });
    const path = pathOf(created);
    expect(created.body).toMatchObject({
      name: 'Évenings 🎬',
      owner_id: ada.id,
      visibility: 'public',
      videos_count: 2,
    });
    expect((await call('GET', path, ada)).body).toEqual(created.body);
    expect(await videosIn(path)).toEqual([second, first]);

    const changed = await call('PATCH', path, { ...ada, body: { visibility: 'unlisted' } });
    expect(changed.body).toMatchObject({ name: 'Évenings 🎬', description: 'Long', visibility: 'unlisted' });
    const replaced = await call('PUT', path, { ...ada, body: { name: 'Mornings' } });
    expect(replaced.body).toMatchObject({
      name: 'Mornings',
      description: '',
      visibility: 'private',
      videos_count: 2,
    });

    expect((await call('DELETE', path, ada)).status).toBe(204);
    expect((await call('GET', path, ada)).status).toBe(404);
    expect((await call('DELETE', path, ada)).status).toBe(404);
  });

  test('is created once per Idempotency-Key', async () => {
    const owner = await person();
    const request = { ...owner, body: { name: 'Once' }, headers: { 'idempotency-key': uuidv7() } };
    const responses = [await call('POST', '/playlists', request), await call('POST', '/playlists', request)];
    expect(responses.map(({ status }) => status)).toEqual([201, 201]);
    expect(responses[1]?.body).toEqual(responses[0]?.body ?? {});
    expect((await call('GET', '/playlists', owner)).body.items).toHaveLength(1);
  });

  test('is duplicated with its videos in order, into a playlist of the caller', async () => {
    const original = await create({
      name: 'x'.repeat(200),
      visibility: 'public',
      video_ids: [third, first, second],
    });
    const copy = await call('POST', `${pathOf(original)}/duplicate`, bob);
    expect(copy.status).toBe(201);
    expect(copy.body).toMatchObject({ owner_id: bob.id, visibility: 'private', videos_count: 3 });
    expect(String(copy.body.name)).toHaveLength(200);
    await call('DELETE', `${pathOf(original)}/videos/${first}`, ada);
    const copied = (await call('GET', pathOf(copy), bob)).body.videos as { video_id: string }[];
    expect(copied.map((each) => each.video_id)).toEqual([third, first, second]);
    for (const body of ['"text"', '5', []])
      expect((await call('POST', `${pathOf(original)}/duplicate`, { ...bob, body })).status).toBe(422);
    const named = await call('POST', `${pathOf(original)}/duplicate`, {
      ...ada,
      body: { name: 'Mine', visibility: 'public' },
    });
    expect(named.body).toMatchObject({ name: 'Mine', visibility: 'public' });
  });
});

describe('texts', () => {
  const FAMILY = '👨‍👩‍👧‍👦';

  test('a name has 200 characters and a description 2,000, however they are encoded', async () => {
    const texts = { name: '🏳️‍🌈'.repeat(200), description: '🦉'.repeat(2_000) };
    const created = await create(texts);
    expect(created.body).toMatchObject(texts);
    expect((await call('GET', pathOf(created), ada)).body).toMatchObject(texts);
  });

  test('are stored in one form', async () => {
    const created = await create({ name: ' Cafe\u0301 ', description: 'one\r\ntwo\rthree\n' });
    expect(created.body).toMatchObject({ name: 'Café', description: 'one\ntwo\nthree' });
    const changed = await call('PATCH', pathOf(created), { ...ada, body: { name: 'The\u0301' } });
    expect(changed.body.name).toBe('Thé');
  });

  test.each([
    ['x'.repeat(193), `${'x'.repeat(193)} (copy)`],
    ['x'.repeat(200), `${'x'.repeat(192)}… (copy)`],
    ['🦉'.repeat(200), `${'🦉'.repeat(192)}… (copy)`],
    ['🏳️‍🌈'.repeat(200), `${'🏳️‍🌈'.repeat(192)}… (copy)`],
    [`${FAMILY.repeat(140)}z`, `${FAMILY.repeat(140)}z (copy)`],
    [`a${'\u0301'.repeat(1_599)}`, '… (copy)'],
  ])('the name of a copy never cuts a character in half (%#)', async (name, copyName) => {
    const { body } = await call('POST', `${pathOf(await create({ name }))}/duplicate`, ada);
    expect(body.name).toBe(copyName.normalize('NFC'));
    expect((await call('PATCH', `/playlists/${body.id}`, { ...ada, body: { name: body.name } })).status).toBe(
      200,
    );
  });

  test('that an earlier version accepted are shown', async () => {
    const owner = await person();
    const created = await create({}, owner);
    await deps.database
      .update(playlists)
      .set({ name: '\u3164\u0007', description: 'a\u0000b' })
      .where(eq(playlists.id, String(created.body.id)));
    const stored = { name: '\u3164\u0007', description: 'a\u0000b' };
    expect((await call('GET', '/playlists', owner)).body.items).toMatchObject([stored]);
    expect((await call('GET', pathOf(created), owner)).body).toMatchObject(stored);
  });
});

describe('access', () => {
  test('private is visible to the owner only, unlisted by link, public to everyone; only the owner may change', async () => {
    const owner = await person();
    const statuses: Record<string, number> = {};
    for (const visibility of ['public', 'unlisted', 'private'] as const) {
      const path = pathOf(await create({ visibility }, owner));
      statuses[visibility] = (await call('GET', path)).status;
      expect((await call('GET', path, bob)).status).toBe(statuses[visibility]);
      expect((await call('GET', path, owner)).status).toBe(200);
      const changes: [string, string, object?][] = [
        ['PUT', path, { name: 'Theirs' }],
        ['PATCH', path, { name: 'Theirs' }],
        ['POST', `${path}/videos`, { video_id: first }],
        ['DELETE', `${path}/videos/${first}`],
        ['POST', `${path}/reorder`, { video_ids: [] }],
        ['DELETE', path],
      ];
      for (const [method, target, body] of changes)
        expect((await call(method, target, { ...bob, body })).status).toBe(
          visibility === 'private' ? 404 : 403,
        );
      expect((await call('GET', path, owner)).body).toMatchObject({ name: 'A list', version: 1 });
    }
    expect(statuses).toEqual({ public: 200, unlisted: 200, private: 404 });
    const of = async (viewer: object) =>
      (
        (await call('GET', `/playlists?owner=${owner.id}`, viewer)).body.items as { visibility: string }[]
      ).map((item) => item.visibility);
    expect(await of(owner)).toEqual(['private', 'unlisted', 'public']);
    expect(await of(bob)).toEqual(['public']);
    expect(await of({})).toEqual(['public']);
  });

  test('every change requires a valid token, and so does a list without an owner', async () => {
    const claims = routeClaims(app);
    expect(claims.map(({ method, path, auth }) => `${method} ${path} ${auth}`).toSorted()).toEqual([
      'DELETE /playlists/:id user',
      'DELETE /playlists/:id/videos/:video_id user',
      'GET /playlists optional',
      'GET /playlists/:id optional',
      'PATCH /playlists/:id user',
      'POST /playlists user',
      'POST /playlists/:id/duplicate user',
      'POST /playlists/:id/reorder user',
      'POST /playlists/:id/videos user',
      'PUT /playlists/:id user',
    ]);
    for (const { method, path, auth } of claims) {
      const target = path.replace(':id', uuidv7()).replace(':video_id', first);
      expect((await call(method, target, { authorization: 'Bearer invalid' })).status).toBe(401);
      if (auth === 'user') expect((await call(method, target)).status).toBe(401);
    }
    expect((await call('GET', '/playlists')).status).toBe(401);
  });
});

test('lists are paginated, newest first, without duplicates', async () => {
  const owner = await person();
  for (const name of ['one', 'two', 'three']) await create({ name }, owner);
  const names: unknown[] = [];
  let cursor: unknown;
  do {
    const next = cursor === undefined ? '' : `&cursor=${cursor}`;
    const { body } = await call('GET', `/playlists?limit=2${next}`, owner);
    names.push(...(body.items as { name: string }[]).map((item) => item.name));
    cursor = body.next_cursor;
  } while (cursor !== null);
  expect(names).toEqual(['three', 'two', 'one']);
});

describe('videos', () => {
  test('are added at a position, moved, reordered and removed', async () => {
    const path = pathOf(await create());
    const add = (body: object) => call('POST', `${path}/videos`, { ...ada, body });
    const reorder = (body: object) => call('POST', `${path}/reorder`, { ...ada, body });
    expect((await add({ video_id: first })).status).toBe(201);
    await add({ video_ids: [second, third], position: 0 });
    expect((await add({ video_id: fourth, position: 1_000 })).body.videos_count).toBe(4);
    expect(await videosIn(path)).toEqual([second, third, first, fourth]);
    expect((await reorder({ video_id: fourth, position: 1 })).status).toBe(200);
    expect(await videosIn(path)).toEqual([second, fourth, third, first]);
    await reorder({ video_ids: [first, second, third, fourth] });
    expect(await videosIn(path)).toEqual([first, second, third, fourth]);
    expect((await call('DELETE', `${path}/videos/${second}`, ada)).status).toBe(204);
    expect(await videosIn(path)).toEqual([first, third, fourth]);
    expect((await call('DELETE', `${path}/videos/${second}`, ada)).body.code).toBe(
      'playlist.video-not-there',
    );
    expect((await add({ video_id: first })).body.code).toBe('playlist.video-already-there');
    expect((await reorder({ video_ids: [first, third] })).body.code).toBe('playlist.other-videos');
    expect((await reorder({ video_ids: [first, third, second] })).body.code).toBe('playlist.other-videos');
    expect((await reorder({ video_id: second, position: 0 })).body.code).toBe('playlist.video-not-there');
  });

  test('are added once per Idempotency-Key, also for concurrent repeats', async () => {
    const path = pathOf(await create());
    const [id = '', other = ''] = freshVideos(2);
    const key = uuidv7();
    const add = (body: object, more: object = {}) =>
      call('POST', `${path}/videos`, { ...ada, body, headers: { 'idempotency-key': key, ...more } });
    const responses = await Promise.all(Array.from({ length: 5 }, () => add({ video_id: id })));
    const added = responses.filter(({ status }) => status === 201);
    expect(added.length).toBeGreaterThan(0);
    expect(responses.filter(({ body }) => body.code === 'idempotency.in-flight')).toHaveLength(
      5 - added.length,
    );
    const again = await add({ video_id: id });
    expect([again.status, again.headers.get('idempotency-replayed'), again.headers.get('etag')]).toEqual([
      201,
      'true',
      '"2"',
    ]);
    expect(again.body).toEqual(added[0]?.body ?? {});
    expect(await videosIn(path)).toEqual([id]);
    expect((await add({ video_id: other })).body.code).toBe('idempotency.key-reused');
    const elsewhere = await call('POST', `${pathOf(await create())}/videos`, {
      ...ada,
      body: { video_id: id },
      headers: { 'idempotency-key': key },
    });
    expect(elsewhere.body.code).toBe('idempotency.key-reused');
    const invalid = await call('POST', `${path}/videos`, {
      ...ada,
      body: { video_id: 'no-such-video' },
      headers: { 'idempotency-key': 'mended' },
    });
    expect(invalid.status).toBe(422);
    const mended = { ...ada, body: { video_id: other }, headers: { 'idempotency-key': 'mended' } };
    expect((await call('POST', `${path}/videos`, mended)).status).toBe(201);
  });

  test('that do not exist are rejected with their index, and nothing is stored', async () => {
    const path = pathOf(await create());
    const [known = ''] = freshVideos(1);
    const one = await call('POST', `${path}/videos`, { ...ada, body: { video_id: 'no-such-video' } });
    expect(one).toMatchObject({
      status: 422,
      body: { code: 'video.unknown', errors: [{ field: 'video_id' }] },
    });
    const several = await call('POST', `${path}/videos`, {
      ...ada,
      body: { video_ids: [known, 'no-such-video'] },
    });
    expect(several).toMatchObject({ status: 422, body: { errors: [{ field: 'video_ids.1' }] } });
    expect(JSON.stringify([one.body, several.body])).not.toContain('no-such-video');
    expect(await videosIn(path)).toEqual([]);
    const owner = await person();
    const created = await call('POST', '/playlists', {
      ...owner,
      body: { name: 'A list', video_ids: ['no-such-video'] },
    });
    expect(created.body.code).toBe('video.unknown');
    expect((await call('GET', '/playlists', owner)).body.items).toEqual([]);
  });

  test.each([
    [
      'unavailable',
      () => {
        video.unavailable = true;
      },
    ],
    [
      'failing',
      () => {
        video.failures = { latency_ms: 0, error_percent: 100 };
      },
    ],
    [
      'slow',
      () => {
        video.failures = { latency_ms: 60_000, error_percent: 0 };
      },
    ],
  ])(
    'are not added while the video service is %s: 503 within the deadline, and nothing is stored',
    async (_state, fail) => {
      const path = pathOf(await create());
      const ids = freshVideos(2);
      const owner = await person();
      fail();
      const started = performance.now();
      const added = await call('POST', `${path}/videos`, { ...ada, body: { video_ids: ids } });
      // Well above the deadline for a busy machine, and well below the latency of the video service.
      expect(performance.now() - started).toBeLessThan(deadlineMs + 30_000);
      expect(added).toMatchObject({ status: 503, body: { code: 'video.unavailable' } });
      expect(added.headers.get('retry-after')).toBe('1');
      const created = await call('POST', '/playlists', {
        ...owner,
        body: { name: 'A list', video_ids: ids },
      });
      expect(created.status).toBe(503);
      expect(await videosIn(path)).toEqual([]);
      expect((await call('GET', path, ada)).body.version).toBe(1);
      expect((await call('GET', '/playlists', owner)).body.items).toEqual([]);
    },
  );

  test('in the cache are added even while the video service is unavailable', async () => {
    const [id = ''] = freshVideos(1);
    await create({ video_ids: [id] });
    video.unavailable = true;
    expect((await create({ video_ids: [id] })).body.videos_count).toBe(1);
  });
});

describe('versions', () => {
  test('are strong ETags, incremented on every change; a read with the current one is answered with 304', async () => {
    const created = await create();
    const path = pathOf(created);
    expect(created.headers.get('etag')).toBe('"1"');
    const added = await call('POST', `${path}/videos`, { ...ada, body: { video_id: first } });
    expect(added.headers.get('etag')).toBe('"2"');
    const read = await call('GET', path, { ...ada, headers: { 'if-none-match': '"2"' } });
    expect([read.status, read.headers.get('etag')]).toEqual([304, '"2"']);
    expect((await call('GET', path, { ...ada, headers: { 'if-none-match': '"1"' } })).status).toBe(200);
  });

  test('reject every change with a stale If-Match', async () => {
    const path = pathOf(await create({ video_ids: [first, second] }));
    await call('PATCH', path, { ...ada, body: { name: 'Newer' } });
    const stale = ifMatch('"1"');
    const changes: [string, string, object?][] = [
      ['PUT', path, { name: 'Stale' }],
      ['PATCH', path, { name: 'Stale' }],
      ['POST', `${path}/videos`, { video_id: third }],
      ['DELETE', `${path}/videos/${first}`],
      ['POST', `${path}/reorder`, { video_ids: [third, second] }],
      ['DELETE', path],
    ];
    const before = await call('GET', path, ada);
    for (const [method, target, body] of changes)
      expect(await call(method, target, { ...ada, body, ...stale })).toMatchObject({
        status: 412,
        body: { code: 'request.version-conflict' },
      });
    expect((await call('GET', path, ada)).body).toEqual(before.body);
    for (const [method, target, body] of changes) {
      const { headers } = await call('GET', path, ada);
      const response = await call(method, target, { ...ada, body, ...ifMatch(headers.get('etag')) });
      expect(response.status).toBeLessThan(300);
    }
  });

  test('let one of two concurrent reorderings win; the other gets 412 and may retry', async () => {
    const path = pathOf(await create({ video_ids: [first, second, third] }));
    const { headers } = await call('GET', path, ada);
    const reorderings = [{ video_id: third, position: 0 }, { video_ids: [second, third, first] }];
    const reorder = (body: object, etag: unknown) =>
      call('POST', `${path}/reorder`, { ...ada, body, ...ifMatch(etag) });
    const responses = await Promise.all(reorderings.map((each) => reorder(each, headers.get('etag'))));
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 412]);
    const orders = [
      [third, first, second],
      [second, third, first],
    ];
    const winner = responses.findIndex(({ status }) => status === 200);
    expect(await videosIn(path)).toEqual(orders[winner] ?? []);
    const now = (await call('GET', path, ada)).headers.get('etag');
    expect((await reorder(reorderings[1 - winner] ?? {}, now)).status).toBe(200);
  });

  test('lose no concurrent change without If-Match', async () => {
    const path = pathOf(await create());
    const ids = freshVideos(12);
    const responses = await Promise.all(
      ids.map((video_id) => call('POST', `${path}/videos`, { ...ada, body: { video_id, position: 0 } })),
    );
    expect(responses.map(({ status }) => status)).toEqual(ids.map(() => 201));
    expect((await call('GET', path, ada)).body).toMatchObject({ videos_count: 12, version: 13 });
    expect((await videosIn(path)).toSorted()).toEqual(ids.toSorted());
  });
});

describe('limits', () => {
  test('500 playlists per user, also under concurrency', async () => {
    const owner = await person();
    await deps.database.insert(owners).values({ id: owner.id, playlistsCount: 498 });
    const responses = await Promise.all(
      Array.from({ length: 5 }, () => call('POST', '/playlists', { ...owner, body: { name: 'One more' } })),
    );
    expect(responses.map(({ status }) => status).toSorted()).toEqual([201, 201, 409, 409, 409]);
    const path = pathOf(responses.find(({ status }) => status === 201) as Answered);
    expect((await call('POST', `${path}/duplicate`, owner)).body.code).toBe('playlist.too-many');
    await call('DELETE', path, owner);
    await create({}, owner);
  });

  test('1,000 videos per playlist', async () => {
    const created = await create();
    const positions = evenPositions(Array.from({ length: 999 }, (_, index) => `video-${index}`));
    await inTransaction(deps.database, async (transaction) => {
      await upsertVideos(transaction, String(created.body.id), positions);
      await updatePlaylist(transaction, String(created.body.id), {});
    });
    const add = (body: object) => call('POST', `${pathOf(created)}/videos`, { ...ada, body });
    expect((await add({ video_ids: [first, second] })).body.code).toBe('playlist.too-many-videos');
    expect((await add({ video_id: first, position: 500 })).body.videos_count).toBe(1_000);
    expect((await videosIn(pathOf(created)))[500]).toBe(first);
    expect((await add({ video_id: second })).body.code).toBe('playlist.too-many-videos');
  });
});

describe('validation', () => {
  test.each([
    ['no name', {}],
    ['an empty name', { name: '' }],
    ['a name of whitespace', { name: '   ' }],
    ['a name that is too long', { name: 'n'.repeat(201) }],
    ['a name that is not a string', { name: 5 }],
    ['a name without a visible character', { name: '\u3164\u200b' }],
    ['a name of two lines', { name: 'a\nb' }],
    ['a name that is too long in its stored form', { name: `a${'\u0344'.repeat(7)}`.repeat(200) }],
    ['a name with a control character', { name: 'a\u0007' }],
    ['a name of too many emoji', { name: '🦉'.repeat(201) }],
    ['a description with a control character', { name: 'n', description: 'a\u0000' }],
    ['a description of too many emoji', { name: 'n', description: '🦉'.repeat(2_001) }],
    ['a description that is too long', { name: 'n', description: 'd'.repeat(2_001) }],
    ['an unknown visibility', { name: 'n', visibility: 'secret' }],
    ['an invalid video id', { name: 'n', video_ids: ["'; drop table playlists"] }],
    ['a duplicate id', { name: 'n', video_ids: [first, first] }],
    ['101 ids', { name: 'n', video_ids: Array.from({ length: 101 }, (_, index) => `id-${index}`) }],
  ])('rejects a playlist with %s', async (_case, body) => {
    expect((await call('POST', '/playlists', { ...ada, body })).status).toBe(422);
  });

  test.each([
    ['neither video_id nor video_ids', 'videos', {}],
    ['both video_id and video_ids', 'videos', { video_id: first, video_ids: [second] }],
    ['a negative position', 'videos', { video_id: first, position: -1 }],
    ['a fractional position', 'videos', { video_id: first, position: 1.5 }],
    ['a position as text', 'videos', { video_id: first, position: '1' }],
    ['no position, but null', 'videos', { video_id: first, position: null }],
    ['a position beyond all', 'videos', { video_id: first, position: 1e9 }],
    ['a new position as text', 'reorder', { video_id: first, position: '1e0' }],
    ['no videos', 'videos', { video_ids: [] }],
    ['an empty reordering', 'reorder', {}],
    ['a video without its position', 'reorder', { video_id: first }],
    ['a position without its video', 'reorder', { position: 1 }],
    ['both kinds of reordering', 'reorder', { video_id: first, position: 0, video_ids: [first] }],
    ['a reordering with a duplicate video', 'reorder', { video_ids: [first, first] }],
  ])('rejects a change of the videos with %s', async (_case, route, body) => {
    const path = pathOf(await create());
    expect((await call('POST', `${path}/${route}`, { ...ada, body })).status).toBe(422);
  });

  test('rejects an empty update, an invalid owner, malformed JSON and an invalid id', async () => {
    const path = pathOf(await create());
    expect((await call('PATCH', path, { ...ada, body: {} })).status).toBe(422);
    expect((await call('GET', '/playlists?owner=ada')).status).toBe(422);
    expect((await call('POST', '/playlists', { ...ada, body: '{' })).status).toBe(400);
    expect((await call('GET', '/playlists/invalid')).status).toBe(404);
  });
});

test('the playlists of a deleted user are deleted, and no others', async () => {
  const leaving = await person();
  const staying = pathOf(await create({ video_ids: [first] }));
  const gone = pathOf(await create({ visibility: 'public', video_ids: [first, second] }, leaving));
  const rowsOf = async () =>
    (await deps.database.select({ rows: count() }).from(playlistVideos))[0]?.rows ?? 0;
  const before = await rowsOf();
  for (let delivery = 0; delivery < 2; delivery++)
    await inTransaction(deps.database, (transaction) => deletePlaylistsOf(transaction, leaving.id));
  expect((await call('GET', gone)).status).toBe(404);
  expect(await videosIn(staying)).toEqual([first]);
  expect(await rowsOf()).toBe(before - 2);
  expect((await deps.database.select().from(playlists)).some(({ ownerId }) => ownerId === leaving.id)).toBe(
    false,
  );
});
