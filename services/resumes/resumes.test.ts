import { afterAll, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eq } from 'drizzle-orm';
import fc from 'fast-check';
import { uuidv7 } from '#kit/core/ids';
import { routeClaims } from '#kit/http/route-claims';
import { inTransaction } from '#kit/mysql/database';
import { migrateDatabase } from '#kit/mysql/migrations';
import { type Answered, callerOf } from '../../tests/support/call';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { resumes } from '.';
import { owners, resumes as resumesTable } from './schema';
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
      work: [{ name: 'X', 'x-own': [1, 2.5, null, true, { deep: ['🦉', 'naïve', ''] }] }],
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

  test('of more entries than any form has room for is shown, listed and updated like any other', async () => {
    const owner = await person();
    const document = {
      work: Array.from({ length: 101 }, (_, index) => ({ name: `Company ${index}` })),
      skills: Array.from({ length: 201 }, (_, index) => ({ name: `Skill ${index}` })),
    };
    const imported = await call('POST', '/resumes/import', { ...owner, body: document });
    expect(imported.status).toBe(201);
    expect(imported.body.experience).toEqual(document.work);
    const listed = await call('GET', '/resumes', owner);
    expect([listed.status, listed.body.items]).toEqual([200, [imported.body]]);
    const { experience, skills } = imported.body;
    const updated = await call('PUT', pathOf(imported), { ...owner, body: { experience, skills } });
    expect(updated.status).toBe(200);
    expect((await call('GET', `${pathOf(imported)}/export`, owner)).body).toEqual(document);
  });

  test('with blank strings, as tools write them, is accepted, shown without them, and exported with them', async () => {
    const text = JSON.stringify({
      $schema: '',
      basics: {
        name: 'Ada',
        label: '',
        email: '',
        url: '',
        summary: '',
        profiles: [{ network: '', url: ' ' }],
      },
      work: [{ name: 'Northlight', position: '', url: '', startDate: '2021-04', endDate: '' }],
      education: [{ institution: 'Galway', area: '', studyType: '', startDate: '', endDate: '' }],
      skills: [{ name: '', level: '', keywords: [''] }, { name: 'SQL' }],
      certificates: [{ name: 'One', date: '', url: '' }],
      meta: { canonical: '' },
    });
    const imported = await importDocument(text, '?visibility=public');
    expect(imported.body).toMatchObject({ title: 'Ada', summary: '', skills: ['SQL'] });
    expect(await (await page(`${pathOf(imported)}/export`)).text()).toBe(text);
    const html = await (await page(`${pathOf(imported)}.html`)).text();
    expect(html).toContain('>Northlight</h3>');
    expect(html).toContain('>Galway</h3>');
    expect(html).toContain('Apr 2021 – present');
    const { experience, skills, summary } = imported.body;
    const body = { experience, skills, summary, visibility: 'link' };
    expect((await call('PUT', pathOf(imported), { ...ada, body })).status).toBe(200);
    expect(await (await page(`${pathOf(imported)}/export`, ada)).text()).toBe(text);
  });

  test.each(['2021', '2021-04', '2021-04-30', '2020-02-29', '2000-02-29', '1999-12-31'])(
    'has dates such as %s',
    async (date) => {
      const document = { work: [{ startDate: date, endDate: date }], awards: [{ date }] };
      expect((await importDocument(document)).status).toBe(201);
    },
  );

  test.each([
    ...[
      '2021-13',
      '2021-00',
      '2021-13-01',
      '2021-02-29',
      '1900-02-29',
      '2021-04-31',
      '2021-04-00',
      '2021-02-30',
    ],
    ...['21', '2021-4', '2021-04-1', '2021/04/01', '01.04.2021', 'April 2021', 'present', '٢٠٢١'],
    ...['2021-04-01T00:00:00Z', ' 2021', '20210401'],
  ])('has no date such as %j in any section', async (date) => {
    for (const [section, field] of [
      ['work', 'startDate'],
      ['work', 'endDate'],
      ['volunteer', 'endDate'],
      ['education', 'startDate'],
      ['projects', 'endDate'],
      ['awards', 'date'],
      ['certificates', 'date'],
      ['publications', 'releaseDate'],
    ] as const) {
      const rejected = await importDocument({ [section]: [{}, { [field]: date }] });
      expect(rejected).toMatchObject({
        status: 422,
        body: { code: 'resume.invalid', errors: [{ field: `/${section}/1/${field}` }] },
      });
    }
    const experience = [{ startDate: date }];
    expect((await call('POST', '/resumes', { ...ada, body: { title: 't', experience } })).status).toBe(422);
  });

  test('may have internationalized addresses', async () => {
    const document = {
      basics: { email: 'josé@münchen.de', url: 'https://münchen.de/straße' },
      work: [{ url: 'https://例え.テスト/道' }],
    };
    expect((await importDocument(document)).status).toBe(201);
    for (const url of ['not a URL', 'http://a b', 'straße'])
      expect((await importDocument({ basics: { url } })).status).toBe(422);
  });

  test('has a title that could have been sent, whatever its label is', async () => {
    for (const [label, title] of [
      ['🦉'.repeat(300), `${'🦉'.repeat(199)}…`],
      ['👨‍👩‍👧‍👦'.repeat(150), `${'👨‍👩‍👧‍👦'.repeat(145)}…`],
      [`a${'\u0301'.repeat(5_000)}`, '…'],
      ['Backend\nengineer\u0000', 'Backend engineer'],
      ['\u3164\u200b', 'Ada'],
    ]) {
      const imported = await importDocument({ basics: { label, name: 'Ada' } });
      expect([imported.status, imported.body.title]).toEqual([201, title]);
      const { status } = await call('PUT', pathOf(imported), {
        ...ada,
        body: { title: imported.body.title },
      });
      expect(status).toBe(200);
    }
  });

  test.each([
    ['a summary', { basics: { summary: 'x'.repeat(20_001) } }, '/basics/summary'],
    ['a summary with control characters', { basics: { summary: 'a\u0000b' } }, '/basics/summary'],
    ['a skill', { skills: [{ name: '' }, { name: 's'.repeat(201) }] }, '/skills/1/name'],
    ['an experience', { work: [{ summary: 'x'.repeat(20_001) }] }, '/work/0/summary'],
    ['an education', { education: [{ summary: 'x\u0007' }] }, '/education/0/summary'],
  ])('is rejected with %s that the API does not accept either', async (_case, document, field) => {
    const rejected = await importDocument(document);
    expect(rejected).toMatchObject({ status: 422, body: { code: 'resume.invalid', errors: [{ field }] } });
  });

  test('is rejected with half a character anywhere in it', async () => {
    expect(await importDocument({ own: { deep: ['\ud800'] } })).toMatchObject({
      status: 422,
      body: { code: 'request.invalid', errors: [{ field: 'own.deep.0' }] },
    });
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

describe('a row of an earlier version', () => {
  const store = (path: string, document: unknown, title = 'Engineer') =>
    storage.database
      .update(resumesTable)
      .set({ document: document as never, title })
      .where(eq(resumesTable.id, path.split('/').at(-1) ?? ''));

  test('is shown, listed and changed, also where it would not be accepted any more', async () => {
    const owner = await person();
    const path = pathOf(await create({}, owner));
    const document = {
      basics: { summary: `a\u0000${'x'.repeat(20_000)}` },
      work: [{ name: 'Northlight', startDate: '2021-13' }],
      skills: [{ name: 's'.repeat(300) }],
    };
    await store(path, document, '\u3164');
    const shown = { title: '\u3164', summary: document.basics.summary, experience: document.work };
    expect((await call('GET', '/resumes', owner)).body.items).toMatchObject([shown]);
    expect((await call('GET', path, owner)).body).toMatchObject(shown);
    const body = { title: 'Mended', visibility: 'private', experience: document.work };
    expect((await call('PUT', path, { ...owner, body })).body).toMatchObject({ ...shown, title: 'Mended' });
    const invalid = { experience: [{ startDate: '2021-14' }] };
    expect((await call('PUT', path, { ...owner, body: invalid })).status).toBe(422);
    expect((await call('PUT', path, { ...owner, body: { skills: ['SQL'] } })).body.skills).toEqual(['SQL']);
  });

  test('that cannot be shown is left out of its page, and the rest is listed', async () => {
    const owner = await person();
    const paths: string[] = [];
    for (const title of ['one', 'two', 'three'])
      paths.push(pathOf(await create({ title, visibility: 'public' }, owner)));
    await store(String(paths[1]), { basics: { summary: 7 } });
    for (const list of ['/resumes', `/resumes/user/${owner.id}`]) {
      const first = await call('GET', `${list}?limit=2`, owner);
      const rest = await call('GET', `${list}?limit=2&cursor=${first.body.next_cursor}`, owner);
      const items = [first, rest].flatMap(({ body }) => body.items as { title: string }[]);
      expect(items.map(({ title }) => title)).toEqual(['three', 'one']);
    }
  });
});

test('every document that is accepted is listed, shown, rendered and exported unchanged', async () => {
  const owner = await person();
  const text = fc.string({ unit: 'grapheme', maxLength: 30 });
  const date = fc.constantFrom('', '2021', '2021-04', '2021-04-30', '2021-04-31', 'spring');
  const entry = fc.record(
    { name: text, summary: text, position: text, startDate: date, endDate: date, own: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const documents = fc.record(
    {
      basics: fc.record(
        { name: text, label: text, summary: text, email: fc.constantFrom('', 'a@b.co', 'x') },
        { requiredKeys: [] },
      ),
      work: fc.array(entry, { maxLength: 4 }),
      education: fc.array(entry, { maxLength: 4 }),
      skills: fc.array(fc.record({ name: text, level: text }, { requiredKeys: [] }), { maxLength: 4 }),
      own: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(documents, async (document) => {
      const imported = await call('POST', '/resumes/import', { ...owner, body: document });
      seen.add(imported.status);
      const listed = await call('GET', '/resumes', owner);
      expect(listed.status).toBe(200);
      if (imported.status !== 201) {
        expect([imported.status, listed.body.items]).toEqual([422, []]);
        return;
      }
      const path = pathOf(imported);
      expect(listed.body.items).toEqual([imported.body]);
      expect((await page(`${path}.html`, owner)).status).toBe(200);
      expect(await (await page(`${path}/export`, owner)).text()).toBe(JSON.stringify(document));
      await call('DELETE', path, owner);
    }),
    { numRuns: 60 },
  );
  expect([...seen].toSorted()).toEqual([201, 422]);
}, 60_000);

describe('validation', () => {
  test.each([
    ['no title', {}],
    ['a title of whitespace', { title: '  ' }],
    ['a title without a visible character', { title: '\u3164\u200b' }],
    ['a title of two lines', { title: 'a\nb' }],
    ['a title of too many emoji', { title: '🦉'.repeat(201) }],
    ['a blank skill', { title: 't', skills: ['\u2800'] }],
    ['a summary with a control character', { title: 't', summary: 'a\u0000' }],
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
