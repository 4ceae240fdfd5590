import { afterAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { migrateDatabase } from '#kit/mysql/migrations';
import { callerOf } from '../../tests/support/call';
import { exportAll, importAll, recordsIn } from '../../tests/support/portability';
import { testDatabase, testRuntime } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { resumes } from '.';
import { resumesPortability } from './portability';

const tokens = await testTokens();

async function start() {
  const runtime = testRuntime('resumes');
  const storage = await testDatabase();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const deps = {
    runtime,
    database: storage.database,
    tokens: tokens.verifier,
    publicUrl: 'https://rookery.test',
  };
  const close = () => runtime.close().then(storage.drop);
  return { call: callerOf(resumes(deps)), service: resumesPortability(deps), close };
}
const [before, after] = await Promise.all([start(), start()]);
afterAll(() => Promise.all([before.close(), after.close()]));

async function person() {
  const id = uuidv7();
  return { id, authorization: await tokens.authorization({ id, username: 'someone' }) };
}

test('résumés are the same after an export and an import into an empty system', async () => {
  const ada = await person();
  for (const [index, visibility] of ['private', 'link', 'public'].entries())
    await before.call('POST', '/resumes', {
      ...ada,
      body: {
        title: `Engineer ${index}`,
        visibility,
        skills: ['SQL'],
        experience: [{ name: 'A', own: { x: 1 } }],
      },
    });
  const [newest] = (await before.call('GET', '/resumes', ada)).body.items as { id: string }[];
  await before.call('PUT', `/resumes/${newest?.id}`, { ...ada, body: { summary: 'Changed 🪶' } });
  const exported = await exportAll(before.service, ada.id);
  expect(await importAll(after.service, ada.id, exported)).toEqual({ resumes: { imported: 3 } });
  const answers = (await before.call('GET', '/resumes', ada)).body;
  expect((await after.call('GET', '/resumes', ada)).body).toEqual(answers);
  expect(await importAll(after.service, ada.id, exported)).toEqual({ resumes: { exists: 3 } });
  expect((await after.call('GET', '/resumes', ada)).body).toEqual(answers);

  const bob = await person();
  expect(await importAll(after.service, bob.id, exported)).toEqual({ resumes: { 'id.taken': 3 } });
});

test('a record that could not have been created is skipped', async () => {
  const ada = await person();
  await before.call('POST', '/resumes', { ...ada, body: { title: 'Engineer' } });
  const [good] = recordsIn(await exportAll(before.service, ada.id)).resumes ?? [];
  for (const [change, code] of [
    [{ id: '../x' }, 'record.invalid'],
    [{ title: '\u3164' }, 'record.invalid'],
    [{ created_at: '2999-01-01T00:00:00.000Z' }, 'record.invalid'],
    [{ created_at: '0000-01-01T00:00:00.000Z' }, 'record.invalid'],
    [{ updated_at: '2020-02-30T00:00:00.000Z' }, 'record.invalid'],
    [{ version: 0 }, 'record.invalid'],
    [{ document: { work: 'none' } }, 'resume.invalid'],
    [{ document: null }, 'record.invalid'],
  ] as const) {
    const json = JSON.stringify({ ...good, ...change });
    const exported = { resumes: [{ json, file: undefined }] };
    expect(await importAll(after.service, ada.id, exported)).toEqual({ resumes: { [code]: 1 } });
  }
  expect((await after.call('GET', '/resumes', ada)).body.items).toEqual([]);
});
