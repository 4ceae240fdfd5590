import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { PollsServiceDefinition } from '#contracts/gen/polls/v1/polls';
import { uuidv7 } from '#kit/core/ids';
import { ensureTable, openDynamodb } from '#kit/dynamodb/client';
import { DependencyUnavailable } from '#kit/errors/problem';
import { startGrpcServer } from '#kit/grpc/server';
import { routeClaims } from '#kit/http/route-claims';
import { callerOf } from '../../tests/support/call';
import { permittedClient } from '../../tests/support/permitted-client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import { polls } from '.';
import type { PollsDeps } from './deps';
import { pollsGrpc } from './grpc';
import { sharesOf } from './rules';
import { erasePerson, showPoll } from './store';
import { pollsTable } from './table';

const runtime = testRuntime('polls');
const tokens = await testTokens();
const table = {
  client: openDynamodb(runtime, {
    DYNAMODB_URL: serverVariable('DYNAMODB_URL'),
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  }),
  name: uniqueName('polls'),
};

/** `<blocker>><blocked>`, as the users service would respond. */
const blocked = new Set<string>();
/** `<follower>><followee>` */
const followed = new Set<string>();
let isUsersUnavailable = false;
const users: PollsDeps['users'] = {
  async checkRelationship({ user_id, other_id }) {
    if (isUsersUnavailable) throw new DependencyUnavailable();
    return {
      blocked_by_user: blocked.has(`${user_id}>${other_id}`),
      blocked_by_other: blocked.has(`${other_id}>${user_id}`),
      muted_by_user: false,
      user_follows_other: followed.has(`${user_id}>${other_id}`),
      other_follows_user: false,
    };
  },
};

let clockMs = Date.now();
const app = polls({
  runtime,
  table,
  users,
  retentionMs: null,
  now: () => clockMs,
  tokens: tokens.verifier,
});
const call = callerOf(app);

async function person() {
  const id = uuidv7();
  return { id, authorization: await tokens.authorization({ id, username: 'someone' }) };
}

async function createPoll(change: object = {}) {
  const author = await person();
  const { status, body, headers } = await call('POST', '/polls', {
    authorization: author.authorization,
    body: { question: 'Tea or coffee?', options: ['Tea', 'Coffee', 'Water'], ...change },
  });
  expect(status).toBe(201);
  expect(headers.get('location')).toBe(`/polls/${body.id}`);
  return { id: String(body.id), author };
}

const countsOf = (body: Record<string, unknown>) =>
  (body.options as { votes: number }[]).map(({ votes }) => votes);

beforeAll(() => ensureTable(runtime, table.client, pollsTable(table.name)));
afterAll(() => runtime.close());

describe('a poll', () => {
  test('is read as it was created', async () => {
    const { id, author } = await createPoll({ multiple: true, expires_in: 3600 });
    const { body } = await call('GET', `/polls/${id}`);
    expect(body).toMatchObject({
      question: 'Tea or coffee?',
      options: ['Tea', 'Coffee', 'Water'],
      multiple: true,
      closed: false,
      author_id: author.id,
      expires_at: new Date(clockMs + 3_600_000).toISOString(),
    });
    expect(body).not.toHaveProperty('voted_by_me');
  });

  test.each([
    ['one option', { options: ['Tea'] }, 'options'],
    ['eleven options', { options: Array.from({ length: 11 }, (_, index) => `o${index}`) }, 'options'],
    ['duplicates', { options: ['Tea', 'Tea'] }, 'options'],
    ['duplicates after trimming', { options: ['Tea', ' Tea '] }, 'options'],
    ['duplicates in composed and decomposed letters', { options: ['café', 'cafe\u0301'] }, 'options'],
    ['a blank option', { options: ['Tea', '   '] }, 'options.1'],
    ['an option that shows nothing', { options: ['Tea', '\u3164'] }, 'options.1'],
    ['a lone surrogate in an option', { options: ['Tea', 'a\ud800'] }, 'options.1'],
    ['a long option', { options: ['Tea', 'x'.repeat(101)] }, 'options.1'],
    ['an option of many marks', { options: ['Tea', `x${'\u0301'.repeat(900)}`] }, 'options.1'],
    ['a lone surrogate in the question', { question: '\udc00?' }, 'question'],
    ['a question of 301 graphemes', { question: '🎉'.repeat(301) }, 'question'],
    ['no question', { question: '' }, 'question'],
    ['a question of several lines', { question: 'a\nb' }, 'question'],
    ['an end in the past', { expires_in: -5 }, 'expires_in'],
    ['a text as end', { expires_in: 'soon' }, 'expires_in'],
  ])('is rejected with %s', async (_what, change, field) => {
    const { authorization } = await person();
    const { status, body } = await call('POST', '/polls', {
      authorization,
      body: { question: 'Tea or coffee?', options: ['Tea', 'Coffee'], ...change },
    });
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(expect.objectContaining({ field }));
  });

  test('is limited in graphemes, and shows what was typed', async () => {
    const family = '👨‍👩‍👧‍👦';
    const options = [family.repeat(50), 'cafe\u0301', 'tea', 'Tea'];
    const { id } = await createPoll({ question: '🎉'.repeat(300), options });
    expect((await call('GET', `/polls/${id}`)).body).toMatchObject({ question: '🎉'.repeat(300), options });
  });

  test.each(['no-uuid', uuidv7(), '%00', '..%2fpolls'])('is not found as %s', async (id) => {
    for (const path of [`/polls/${id}`, `/polls/${id}/results`])
      expect((await call('GET', path)).status).toBe(404);
  });
});

describe('a vote', () => {
  test('counts for an option that differs in its normalization form or white space only', async () => {
    const options = ['café', '한국', 'パ'.repeat(100), 'x'];
    const { id } = await createPoll({ options, multiple: true });
    for (const typed of [options, options.map((option) => ` ${option.normalize('NFD')} `)]) {
      const voter = await person();
      const { status, body } = await call('POST', `/polls/${id}/vote`, {
        ...voter,
        body: { options: typed },
      });
      expect([status, body.voters_count]).toEqual([200, typed === options ? 1 : 2]);
    }
    expect(countsOf((await call('GET', `/polls/${id}/results`)).body)).toEqual([2, 2, 2, 2]);
    const single = await createPoll({ options: ['café', 'tea'] });
    const body = { option: 'cafe\u0301' };
    expect((await call('POST', `/polls/${single.id}/vote`, { ...(await person()), body })).status).toBe(200);
    const unknown = { option: 'a\ud800' };
    const refused = await call('POST', `/polls/${single.id}/vote`, { ...(await person()), body: unknown });
    expect([refused.status, refused.body.code]).toEqual([422, 'request.invalid']);
  });

  test('counts, returns the results, and is shown to the voter only', async () => {
    const { id } = await createPoll();
    const voter = await person();
    const { status, body } = await call('POST', `/polls/${id}/vote`, {
      ...voter,
      body: { option: 'Coffee' },
    });
    expect(status).toBe(200);
    expect(countsOf(body)).toEqual([0, 1, 0]);
    expect(body.voters_count).toBe(1);
    expect((await call('GET', `/polls/${id}`, voter)).body.voted_by_me).toBe(true);
    expect((await call('GET', `/polls/${id}`, await person())).body.voted_by_me).toBe(false);
  });

  test('counts once of 500 concurrent ones of one person', async () => {
    const { id } = await createPoll();
    const voter = await person();
    const responses = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        call('POST', `/polls/${id}/vote`, { ...voter, body: { option: index % 2 === 0 ? 'Tea' : 'Coffee' } }),
      ),
    );
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(1);
    const rejected = new Set(responses.filter(({ status }) => status !== 200).map(({ body }) => body.code));
    // A slow machine turns some away.
    rejected.delete('service.busy');
    expect([...rejected]).toEqual(['poll.already-voted']);
    const { body } = await call('GET', `/polls/${id}/results`);
    expect(countsOf(body).reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  test('counts for each of 100 concurrent voters', async () => {
    const { id } = await createPoll();
    const voters = await Promise.all(Array.from({ length: 100 }, person));
    const responses = await Promise.all(
      voters.map((voter) => call('POST', `/polls/${id}/vote`, { ...voter, body: { option: 'Tea' } })),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array(100).fill(200));
    expect(countsOf((await call('GET', `/polls/${id}/results`)).body)).toEqual([100, 0, 0]);
  });

  test('has several options only where the poll allows it', async () => {
    const single = await createPoll();
    const multiple = await createPoll({ multiple: true });
    const voter = await person();
    const body = { options: ['Tea', 'Water'] };
    expect((await call('POST', `/polls/${single.id}/vote`, { ...voter, body })).status).toBe(422);
    const counted = await call('POST', `/polls/${multiple.id}/vote`, { ...voter, body });
    expect(countsOf(counted.body)).toEqual([1, 0, 1]);
    expect(counted.body.voters_count).toBe(1);
  });

  test.each([
    [{ option: 'Milk' }, 'poll.unknown-option'],
    [{}, 'request.invalid'],
    [{ option: 'Tea', options: ['Tea'] }, 'request.invalid'],
    [{ options: [] }, 'request.invalid'],
    [{ option: 5 }, 'request.invalid'],
    [{ option: '__proto__' }, 'poll.unknown-option'],
  ])('%j is rejected and not counted', async (body, code) => {
    const { id } = await createPoll();
    const response = await call('POST', `/polls/${id}/vote`, { ...(await person()), body });
    expect([response.status, response.body.code]).toEqual([422, code]);
    expect((await call('GET', `/polls/${id}/results`)).body.voters_count).toBe(0);
  });

  test('is rejected after the end, when hidden results are shown', async () => {
    const { id } = await createPoll({ expires_in: 60, hide_results_until_end: true });
    const early = await call('POST', `/polls/${id}/vote`, { ...(await person()), body: { option: 'Tea' } });
    expect(early.body).toMatchObject({
      hidden: true,
      options: [{ votes: null }, { votes: null }, { votes: null }],
    });
    clockMs += 60_000;
    const late = await call('POST', `/polls/${id}/vote`, { ...(await person()), body: { option: 'Tea' } });
    expect([late.status, late.body.code]).toEqual([409, 'poll.closed']);
    const { body } = await call('GET', `/polls/${id}/results`);
    expect(body).toMatchObject({ hidden: false, closed: true });
    expect(countsOf(body)).toEqual([1, 0, 0]);
  });

  test('is rejected across a block in either direction, and with 503 while users is unavailable', async () => {
    const { id, author } = await createPoll();
    const [blocker, blockedOne, someone] = await Promise.all([person(), person(), person()]);
    blocked.add(`${blocker.id}>${author.id}`).add(`${author.id}>${blockedOne.id}`);
    const body = { option: 'Tea' };
    for (const voter of [blocker, blockedOne])
      expect((await call('POST', `/polls/${id}/vote`, { ...voter, body })).body.code).toBe(
        'poll.vote-not-allowed',
      );
    isUsersUnavailable = true;
    expect((await call('POST', `/polls/${id}/vote`, { ...someone, body })).status).toBe(503);
    isUsersUnavailable = false;
    expect((await call('POST', `/polls/${id}/vote`, { ...someone, body })).status).toBe(200);
  });
});

test('erasing a person deletes their polls, and their votes elsewhere stay counted', async () => {
  const [own, other] = [await createPoll(), await createPoll()];
  const voter = await person();
  for (const [poll, by] of [
    [own, voter],
    [other, own.author],
    [own, own.author],
  ] as const)
    await call('POST', `/polls/${poll.id}/vote`, { ...by, body: { option: 'Tea' } });
  await erasePerson(table, own.author.id);
  await erasePerson(table, own.author.id);
  for (const path of ['', '/results'])
    expect((await call('GET', `/polls/${own.id}${path}`, voter)).status).toBe(404);
  expect((await call('POST', `/polls/${own.id}/vote`, { ...voter, body: { option: 'Tea' } })).status).toBe(
    404,
  );
  expect(countsOf((await call('GET', `/polls/${other.id}/results`)).body)).toEqual([1, 0, 0]);
});

test('shares add up to 100, and each is off by less than 0.1', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { minLength: 2, maxLength: 10 }), (counts) => {
      const total = counts.reduce((sum, count) => sum + count, 0);
      const shares = sharesOf(counts);
      expect(Math.round(shares.reduce((sum, share) => sum + share * 10, 0))).toBe(total === 0 ? 0 : 1000);
      for (const [index, share] of shares.entries())
        expect(Math.abs(share - ((counts[index] ?? 0) * 100) / (total || 1))).toBeLessThan(0.1);
    }),
  );
});

test('routes for authenticated callers reject anonymous ones', async () => {
  for (const { method, path, auth } of routeClaims(app))
    if (auth === 'user')
      expect((await call(method, path.replaceAll(/:\w+/g, 'anything'), { body: {} })).status).toBe(401);
});

test('a poll of followers-only posts is for the author and their followers, until a public post shows it', async () => {
  const { id, author } = await createPoll();
  const [follower, blockedOne, stranger] = [await person(), await person(), await person()];
  for (const one of [follower, blockedOne]) followed.add(`${one.id}>${author.id}`);
  blocked.add(`${author.id}>${blockedOne.id}`);
  const statuses = async (one: { authorization?: string }) => [
    (await call('GET', `/polls/${id}`, one)).status,
    (await call('GET', `/polls/${id}/results`, one)).status,
    one.authorization === undefined
      ? null
      : (await call('POST', `/polls/${id}/vote`, { ...one, body: { option: 'Water?' } })).status,
  ];
  const show = (visibility: 'public' | 'followers', authorId = author.id) =>
    showPoll(table, { id, authorId, visibility });
  await show('followers', stranger.id);
  expect(await statuses({})).toEqual([200, 200, null]);
  await show('followers');
  expect(await statuses(author)).toEqual([200, 200, 422]);
  expect(await statuses(follower)).toEqual([200, 200, 422]);
  for (const one of [stranger, blockedOne]) expect(await statuses(one)).toEqual([404, 404, 404]);
  expect(await statuses({})).toEqual([404, 404, null]);
  expect((await call('GET', `/polls/${id}`, author)).body).not.toHaveProperty('visibility');
  const invalid = { authorization: 'Bearer of.another.day' };
  expect((await call('GET', `/polls/${id}/results`, invalid)).status).toBe(404);
  const resultsFor = async (...scopes: string[]) => {
    const person = { id: follower.id, username: 'someone' };
    const authorization = await tokens.authorization(person, [], { app: { id: 'app', scopes } });
    return (await call('GET', `/polls/${id}/results`, { authorization })).status;
  };
  expect([await resultsFor('read:statuses'), await resultsFor('write')]).toEqual([200, 404]);
  isUsersUnavailable = true;
  expect(await statuses(follower)).toEqual([503, 503, 503]);
  isUsersUnavailable = false;
  for (const visibility of ['public', 'followers'] as const) await show(visibility);
  expect(await statuses(stranger)).toEqual([200, 200, 422]);
  expect((await call('GET', `/polls/${id}/results`, invalid)).status).toBe(200);
  await showPoll(table, { id: uuidv7(), authorId: author.id, visibility: 'followers' });
});

test('other services learn who made a poll, and nothing of one that does not exist', async () => {
  const server = {
    host: '127.0.0.1',
    port: 0,
    services: [pollsGrpc({ table })],
    audience: 'polls',
  };
  const { port } = await startGrpcServer(runtime, server);
  const registry = {
    instances: () => [{ host: '127.0.0.1', grpc_port: port, state: 'up' as const }],
    onChange: () => () => undefined,
  };
  const definition = PollsServiceDefinition;
  const client = permittedClient(runtime, { service: 'polls', definition, registry });
  const [{ id, author }, orphan] = [await createPoll(), await createPoll()];
  await erasePerson(table, orphan.author.id);
  const found = async () => (await client.getPolls({ ids: [id, uuidv7(), 'no-uuid', orphan.id] })).polls;
  expect(await found()).toEqual([{ id, author_id: author.id }]);
  await client.showPoll({ id, author_id: author.id, visibility: 'followers' });
  expect(await found()).toEqual([{ id, author_id: author.id, visibility: 'followers' }]);
  const invalid = { id, author_id: author.id, visibility: 'mentioned' };
  const refused: unknown = await client.showPoll(invalid).catch((failure: unknown) => failure);
  expect(refused).toMatchObject({ status: 422 });
  const tooMany = Array.from({ length: 101 }, () => id);
  const refusal: unknown = await client.getPolls({ ids: tooMany }).catch((failure: unknown) => failure);
  expect(refusal).toMatchObject({ status: 422 });
});
