import { afterAll, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { uuidv7 } from '#kit/core/ids';
import { routeClaims } from '#kit/http/route-claims';
import { inTransaction } from '#kit/mysql/database';
import { migrateDatabase } from '#kit/mysql/migrations';
import { type Answered, callerOf } from '../../tests/support/call';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { resumes } from '.';
import { owners } from './schema';
import { deleteResumesOf } from './store';

const PUBLIC_URL = 'https://rookery.test';
const runtime = testRuntime('resumes');
const storage = await testDatabase();
const tokens = await testTokens();
await migrateDatabase({
  address: storage.address,
  folder: `${import.meta.dir}/migrations`,
  log: runtime.log,
  signal: runtime.closing,
});
const app = resumes({ runtime, database: storage.database, tokens: tokens.verifier, publicUrl: PUBLIC_URL });
const call = callerOf(app);
afterAll(async () => {
  await runtime.close();
  await storage.drop();
});

async function person(permissions: readonly string[] = []) {
  const id = uuidv7();
  return { id, authorization: await tokens.authorization({ id, username: 'someone' }, permissions) };
}
const ada = await person();
const bob = await person();
const operator = await person(['resumes:read']);

const FIELDS = {
  summary: 'Builds small services.',
  skills: ['TypeScript', 'SQL'],
  experience: [{ name: 'Northlight', position: 'Engineer', startDate: '2021-04', own: { kept: true } }],
  education: 'Two years of mathematics.',
};

async function create(body: object = {}, owner = ada): Promise<Answered> {
  const created = await call('POST', '/resumes', { ...owner, body: { title: 'Engineer', ...body } });
  expect(created.status).toBe(201);
  return created;
}
const pathOf = (response: Answered) => String(response.headers.get('location'));
const pathOfLink = (response: Answered) => String(response.body.share_url).replace(PUBLIC_URL, '');
const page = (path: string, headers: Record<string, string> = {}) =>
  app.handle(new Request(`http://localhost${path}`, { headers }));

describe('a résumé', () => {
  test('is created, read at its Location, partially updated and deleted', async () => {
    const created = await create({ user_id: ada.id, ...FIELDS });
    const path = pathOf(created);
    expect(created.body).toMatchObject({
      user_id: ada.id,
      title: 'Engineer',
      visibility: 'private',
      ...FIELDS,
    });
    expect((await call('GET', path, ada)).body).toEqual(created.body);
    const changed = await call('PUT', path, { ...ada, body: { summary: 'Shorter.' } });
    expect(changed.body).toMatchObject({ ...FIELDS, title: 'Engineer', summary: 'Shorter.', version: 2 });
    expect((await call('DELETE', path, ada)).status).toBe(204);
    expect((await call('GET', path, ada)).body.code).toBe('resume.not-found');
  });

  test('requires only a title', async () => {
    expect((await create()).body).toMatchObject({ summary: '', skills: [], experience: [], education: [] });
  });

  test('is created once per Idempotency-Key', async () => {
    const owner = await person();
    const request = { ...owner, body: { title: 'Once' }, headers: { 'idempotency-key': uuidv7() } };
    const [first, second] = [
      await call('POST', '/resumes', request),
      await call('POST', '/resumes', request),
    ];
    expect(second?.body).toEqual(first?.body ?? {});
    expect((await call('GET', '/resumes', owner)).body.items).toHaveLength(1);
  });

  test('is updated only if If-Match is current: of two concurrent updates one wins', async () => {
    const created = await create();
    const path = pathOf(created);
    expect(created.headers.get('etag')).toBe('"1"');
    const headers = { 'if-match': '"1"' };
    const responses = await Promise.all(
      ['One', 'Two'].map((title) => call('PUT', path, { ...ada, body: { title }, headers })),
    );
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 412]);
    expect((await call('DELETE', path, { ...ada, headers })).body.code).toBe('request.version-conflict');
    const unchanged = await call('GET', path, { ...ada, headers: { 'if-none-match': '"2"' } });
    expect([unchanged.status, unchanged.headers.get('etag')]).toEqual([304, '"2"']);
    expect((await call('DELETE', path, { ...ada, headers: { 'if-match': '"2"' } })).status).toBe(204);
  });

  test('is limited to 100 per user, also under concurrency', async () => {
    const owner = await person();
    await storage.database.insert(owners).values({ id: owner.id, resumesCount: 99 });
    const responses = await Promise.all(
      Array.from({ length: 4 }, () => call('POST', '/resumes', { ...owner, body: { title: 'One more' } })),
    );
    expect(responses.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409]);
  });
});

describe('access', () => {
  test('private is visible to the owner and operators only, public to everyone; only the owner may change', async () => {
    for (const [visibility, status] of [
      ['private', 404],
      ['public', 200],
    ] as const) {
      const path = pathOf(await create({ visibility }));
      for (const viewer of [{ authorization: bob.authorization }, {}])
        for (const target of [path, `${path}.html`, `${path}/export`])
          expect((await page(target, viewer)).status).toBe(status);
      expect((await call('GET', path, operator)).status).toBe(200);
      for (const other of [bob, operator]) {
        const expected = other === operator || visibility === 'public' ? 403 : 404;
        expect((await call('PUT', path, { ...other, body: { title: 'Theirs' } })).status).toBe(expected);
        expect((await call('DELETE', path, other)).status).toBe(expected);
      }
      expect((await call('GET', path, ada)).body.title).toBe('Engineer');
    }
    const forBob = { ...ada, body: { title: 'Not mine', user_id: bob.id } };
    expect((await call('POST', '/resumes', forBob)).status).toBe(403);
    expect((await call('PUT', pathOf(await create()), forBob)).status).toBe(403);
  });

  test('a share link grants access to one résumé until it is revoked; sharing again creates another', async () => {
    const shared = await create({ visibility: 'link' });
    const path = pathOf(shared);
    const link = pathOfLink(shared);
    const token = link.split('=')[1] ?? '';
    expect(token).toMatch(/^[\w-]{22}$/);
    expect((await page(link)).status).toBe(200);
    const foreign = await call('GET', `${path}?token=${token}`, bob);
    expect(foreign.body).toMatchObject({ title: 'Engineer', share_url: null });
    expect((await page(`${path}/export?token=${token}`)).status).toBe(200);
    for (const wrong of ['', '?token=', `?token=${token.slice(1)}`, `?token=${'A'.repeat(22)}`])
      expect((await call('GET', `${path}${wrong}`)).status).toBe(404);
    expect((await call('GET', `${pathOf(await create())}?token=${token}`)).status).toBe(404);
    const renamed = await call('PUT', path, { ...ada, body: { title: 'Renamed' } });
    expect(pathOfLink(renamed)).toBe(link);

    await call('PUT', path, { ...ada, body: { visibility: 'private' } });
    expect((await page(link)).status).toBe(404);
    const again = await call('PUT', path, { ...ada, body: { visibility: 'link' } });
    expect((await page(link)).status).toBe(404);
    expect((await page(pathOfLink(again))).status).toBe(200);
  });

  test('lists contain my own résumés, all for operators, and only public ones of other users', async () => {
    const owner = await person();
    for (const visibility of ['private', 'link', 'public'])
      await create({ title: visibility, visibility }, owner);
    const titles = async (path: string, viewer: object) =>
      ((await call('GET', path, viewer)).body.items as { title: string }[]).map((item) => item.title);
    const all = ['public', 'link', 'private'];
    expect(await titles('/resumes', owner)).toEqual(all);
    expect((await titles('/resumes', operator)).slice(0, 3)).toEqual(all);
    for (const viewer of [owner, operator])
      expect(await titles(`/resumes/user/${owner.id}`, viewer)).toEqual(all);
    for (const viewer of [bob, {}])
      expect(await titles(`/resumes/user/${owner.id}`, viewer)).toEqual(['public']);
    const first = await call('GET', '/resumes?limit=2', owner);
    expect(await titles(`/resumes?limit=2&cursor=${first.body.next_cursor}`, owner)).toEqual(['private']);
  });

  test('every other route requires a valid token', async () => {
    const claims = routeClaims(app);
    expect(claims.map(({ method, path, auth }) => `${method} ${path} ${auth}`).toSorted()).toEqual([
      'DELETE /resumes/:id user',
      'GET /resumes user',
      'GET /resumes/:id optional',
      'GET /resumes/:id/export optional',
      'GET /resumes/user/:user_id optional',
      'POST /resumes user',
      'POST /resumes/import user',
      'PUT /resumes/:id user',
    ]);
    for (const { method, path, auth } of claims) {
      const target = path.replace(':id', uuidv7()).replace(':user_id', uuidv7());
      expect((await call(method, target, { authorization: 'Bearer invalid' })).status).toBe(401);
      if (auth === 'user') expect((await call(method, target)).status).toBe(401);
    }
  });
});

describe('JSON Resume', () => {
  const schemaFolder = dirname(fileURLToPath(import.meta.resolve('@jsonresume/schema')));
  const samples = [
    'sample.resume.json',
    ...readdirSync(join(schemaFolder, 'examples')).map((name) => `examples/${name}`),
  ];

  const importDocument = (document: unknown, query = '') =>
    call('POST', `/resumes/import${query}`, {
      ...ada,
      body: typeof document === 'string' ? document : JSON.stringify(document),
    });

  test.each(samples)(
    '%s of the schema package is exported as it was imported, and rendered as a page',
    async (name) => {
      const text = await Bun.file(join(schemaFolder, name)).text();
      const imported = await importDocument(text, '?visibility=public');
      expect(imported.status).toBe(201);
      const exported = await page(`${pathOf(imported)}/export`);
      expect(exported.headers.get('content-type')).toStartWith('application/json');
      expect(await exported.text()).toBe(JSON.stringify(JSON.parse(text)));
      const html = await (await page(`${pathOf(imported)}.html`)).text();
      expect(html).toContain(JSON.parse(text).basics.label);
    },
  );

  test('preserves unknown fields everywhere, also after an update of other fields', async () => {
    const text = JSON.stringify({
      $schema: 'https://example.com/own.json',
      basics: { name: 'Ada 🦉', pronouns: 'she', location: { planet: 'Earth' } },
      work: [{ name: 'X', 'x-own': [1, 2.5, null, true, { deep: ['\ud800', 'naïve', ''] }] }],
      skills: [{ name: 'SQL', years: 7 }],
      'x-theme': { colour: 'teal', constructor: 'text', toString: 1 },
    }).replace('"x-theme"', '"__proto__":{"polluted":true},"x-theme"');
    const imported = await importDocument(text);
    const path = pathOf(imported);
    expect(await (await page(`${path}/export`, ada)).text()).toBe(text);
    const read = await call('GET', path, ada);
    await call('PUT', path, {
      ...ada,
      body: { title: 'Another', skills: read.body.skills, experience: read.body.experience },
    });
    expect(await (await page(`${path}/export`, ada)).text()).toBe(text);
    await call('PUT', path, { ...ada, body: { summary: 'New' } });
    const changed = await call('GET', `${path}/export`, ada);
    expect(changed.body).toMatchObject({
      basics: { summary: 'New', pronouns: 'she' },
      'x-theme': { colour: 'teal' },
    });
    expect(JSON.stringify(changed.body)).toContain('"__proto__":{"polluted":true}');
  });

  test('takes its title from the request, the label or the name', async () => {
    expect((await importDocument({ basics: { name: 'Ada', label: 'Engineer' } })).body.title).toBe(
      'Engineer',
    );
    expect((await importDocument({ basics: { name: 'Ada' } })).body.title).toBe('Ada');
    expect((await importDocument({})).body.title).toBe('Résumé');
    expect((await importDocument({}, '?title=Mine&visibility=link')).body).toMatchObject({
      title: 'Mine',
      visibility: 'link',
    });
  });

  test('is rejected with the location of the error and without the submitted value', async () => {
    const rejected = await importDocument({
      basics: { email: 'secret-value' },
      work: [{ startDate: 'secret-value' }],
    });
    expect(rejected).toMatchObject({
      status: 422,
      body: { code: 'resume.invalid', errors: [{ field: '/basics/email' }, { field: '/work/0/startDate' }] },
    });
    expect(JSON.stringify(rejected.body)).not.toContain('secret-value');
    for (const [body, status] of [
      ['{', 400],
      [`{"own":${'['.repeat(48_000)}${']'.repeat(48_000)}}`, 422],
      ['[]', 422],
      ['"text"', 422],
      ['null', 422],
      [JSON.stringify({ own: 'x'.repeat(70_000) }), 413],
    ] as const)
      expect((await importDocument(body)).status).toBe(status);
  });
});

describe('validation', () => {
  test.each([
    ['no title', {}],
    ['a title of whitespace', { title: '  ' }],
    ['a title that is too long', { title: 't'.repeat(201) }],
    ['a summary that is too long', { title: 't', summary: 's'.repeat(20_001) }],
    ['skills that are not an array', { title: 't', skills: 'many' }],
    ['a skill that is not a string', { title: 't', skills: [7] }],
    ['experience that is a number', { title: 't', experience: 7 }],
    ['entries that are strings', { title: 't', experience: ['a job'] }],
    ['an entry with an invalid date', { title: 't', experience: [{ startDate: 'spring' }] }],
    ['an unknown visibility', { title: 't', visibility: 'friends' }],
    ['an invalid user id', { title: 't', user_id: 'ada' }],
  ])('rejects a résumé with %s', async (_case, body) => {
    const before = (await call('GET', '/resumes?limit=100', ada)).body.items as unknown[];
    expect((await call('POST', '/resumes', { ...ada, body })).status).toBe(422);
    expect((await call('GET', '/resumes?limit=100', ada)).body.items).toHaveLength(before.length);
  });

  test('rejects an empty update, an invalid user id and invalid ids', async () => {
    expect((await call('PUT', pathOf(await create()), { ...ada, body: {} })).status).toBe(422);
    expect((await call('GET', '/resumes/user/ada')).status).toBe(422);
    for (const path of [
      '/resumes/invalid',
      '/resumes/invalid.html',
      '/resumes/.html',
      '/resumes/invalid/export',
    ])
      expect((await page(path)).status).toBe(404);
  });
});

test('the page is HTML with an ETag and conditional GET, and escapes its texts', async () => {
  const created = await create({ visibility: 'public', summary: '<script>alert(1)</script>' });
  const first = await page(`${pathOf(created)}.html`);
  expect(first.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(first.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(first.headers.get('x-content-type-options')).toBe('nosniff');
  expect([first.headers.get('etag'), first.headers.get('vary')]).toEqual(['"1"', 'authorization']);
  const html = await first.text();
  expect(html).toContain('Engineer');
  expect(html).not.toContain('<script');
  expect((await page(`${pathOf(created)}.html`, { 'if-none-match': '"1"' })).status).toBe(304);
});

test('the résumés of a deleted user are deleted, and no others', async () => {
  const leaving = await person();
  const gone = pathOf(await create({ visibility: 'public' }, leaving));
  const staying = pathOf(await create({ visibility: 'public' }));
  for (let delivery = 0; delivery < 2; delivery++)
    await inTransaction(storage.database, (transaction) => deleteResumesOf(transaction, leaving.id));
  expect((await page(gone)).status).toBe(404);
  expect((await page(staying)).status).toBe(200);
});
