import { afterAll, expect, test } from 'bun:test';
import { uuidv7 } from '#kit/core/ids';
import { ensureTable, openDynamodb } from '#kit/dynamodb/client';
import { callerOf } from '../../tests/support/call';
import { exportAll, importAll, recordsIn } from '../../tests/support/portability';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { polls } from '.';
import { pollsPortability } from './portability';
import { pollsTable } from './table';

const tokens = await testTokens();

async function start() {
  const runtime = testRuntime('polls');
  const client = openDynamodb(runtime, {
    DYNAMODB_URL: serverVariable('DYNAMODB_URL'),
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
  const table = { client, name: uniqueName('polls') };
  await ensureTable(runtime, client, pollsTable(table.name));
  const users = { checkRelationship: () => Promise.reject(new Error('not asked')) };
  const deps = { runtime, table, users, retentionMs: null, now: Date.now, tokens: tokens.verifier };
  return { runtime, call: callerOf(polls(deps)), service: pollsPortability(deps) };
}
const [before, after] = await Promise.all([start(), start()]);
afterAll(() => Promise.all([before.runtime.close(), after.runtime.close()]));

async function person() {
  const id = uuidv7();
  return { id, authorization: await tokens.authorization({ id, username: 'someone' }) };
}

test('polls are the same after an export and an import, without votes; and votes are exported', async () => {
  const ada = await person();
  const body = { question: 'Tea or coffee? ☕', options: ['Tea', 'Café'], expires_in: 3_600 };
  const ids: unknown[] = [];
  for (let count = 0; count < 11; count++)
    ids.push((await before.call('POST', '/polls', { ...ada, body })).body.id);
  await before.call('POST', `/polls/${ids[0]}/vote`, { ...ada, body: { option: 'Tea' } });
  const exported = await exportAll(before.service, ada.id);
  const records = recordsIn(exported);
  expect(new Set(records.polls?.map(({ id }) => id))).toEqual(new Set(ids));
  expect(records.polls?.find(({ id }) => id === ids[0])).toMatchObject({ voters_count: 1, votes: [1, 0] });
  expect(records.votes).toEqual([{ poll_id: ids[0] }]);

  expect(await importAll(after.service, ada.id, exported)).toEqual({ polls: { imported: 11 } });
  for (const id of ids.slice(0, 2))
    expect((await after.call('GET', `/polls/${id}`)).body).toEqual(
      (await before.call('GET', `/polls/${id}`)).body,
    );
  expect((await after.call('GET', `/polls/${ids[0]}/results`)).body.voters_count).toBe(0);
  expect(await importAll(after.service, ada.id, exported)).toEqual({ polls: { exists: 11 } });
  const bob = await person();
  expect(await importAll(after.service, bob.id, exported)).toEqual({ polls: { 'id.taken': 11 } });
});

test('a record that could not have been created is skipped', async () => {
  const ada = await person();
  const good = {
    id: uuidv7(),
    question: 'Tea or coffee?',
    options: ['Tea', 'Coffee'],
    multiple: false,
    hide_results_until_end: false,
    created_at: '2026-01-01T00:00:00.000Z',
    expires_at: '2026-01-02T00:00:00.000Z',
  };
  for (const [change, outcome] of [
    [{ options: ['é', 'e\u0301'] }, 'record.invalid'],
    [{ options: ['one'] }, 'record.invalid'],
    [{ created_at: '2999-01-01T00:00:00.000Z' }, 'record.invalid'],
    [{ expires_at: '2025-01-01T00:00:00.000Z' }, 'record.invalid'],
    [{ expires_at: '2999-01-01T00:00:00.000Z' }, 'record.invalid'],
    [{}, 'imported'],
  ] as const) {
    const exported = { polls: [{ json: JSON.stringify({ ...good, ...change }), file: undefined }] };
    expect(await importAll(after.service, ada.id, exported)).toEqual({ polls: { [outcome]: 1 } });
  }
  expect((await after.call('GET', `/polls/${good.id}`)).body.closed).toBe(true);
});
