import { afterAll, beforeAll, expect, test } from 'bun:test';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { ensureTable, openDynamodb } from '#kit/dynamodb/client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { testTokens } from '../../tests/support/tokens';
import type { PollsDeps } from './deps';
import { createPoll, readPoll, readResults, vote } from './service';
import { erasePerson } from './store';
import { pollsTable } from './table';

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_SECONDS = 3_600;

const runtime = testRuntime('polls-retention');
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

beforeAll(() => ensureTable(runtime, table.client, pollsTable(table.name)));
afterAll(() => runtime.close());

/** The service with polls retained for some days after their end; null retains them forever. */
const depsWith = (retentionDays: number | null): PollsDeps => ({
  runtime,
  table,
  tokens: tokens.verifier,
  users: {
    checkRelationship: async () => ({
      blocked_by_user: false,
      blocked_by_other: false,
      muted_by_user: false,
      user_follows_other: false,
      other_follows_user: false,
    }),
  },
  retentionMs: retentionDays === null ? null : retentionDays * DAY_MS,
  now: Date.now,
});

const person = (): Caller => ({
  id: uuidv7(),
  username: 'someone',
  roles: [],
  permissions: [],
  sessionId: uuidv7(),
  tokenId: uuidv7(),
  signedInAt: 0,
  issuedAt: 0,
  expiresAt: 0,
});

const create = (deps: PollsDeps, author: Caller, expiresIn?: number) =>
  createPoll(deps, author, {
    question: 'Tea or coffee?',
    options: ['Tea', 'Coffee'],
    ...(expiresIn !== undefined && { expires_in: expiresIn }),
  });

/** Every item that belongs to a poll: the poll, its counters, its votes and its end record. */
async function itemsOf(pollId: string) {
  const { Items = [] } = await table.client.send(
    new ScanCommand({ TableName: table.name, ConsistentRead: true }),
  );
  return Items.map((item) => unmarshall(item)).filter(({ pk, sk }) => `${pk} ${sk}`.includes(pollId));
}

test('every item of a poll, later votes included, has the time to live of the poll', async () => {
  const deps = depsWith(30);
  const [author, early, late] = [person(), person(), person()];
  const poll = await create(deps, author, HOUR_SECONDS);
  await vote(deps, early, poll.id, { option: 'Tea' });
  // The setting has changed since: the vote still expires with its poll.
  await vote(depsWith(7), late, poll.id, { option: 'Coffee' });
  const items = await itemsOf(poll.id);
  const removedAt = Math.floor((Date.parse(poll.expires_at ?? '') + 30 * DAY_MS) / 1000);
  const kinds = items.map(({ sk }) => String(sk).replace(/#.*/, '').replace(/^\d+$/, 'END'));
  expect(kinds.toSorted()).toEqual([...Array(8).fill('COUNTER'), 'END', 'POLL', 'VOTE', 'VOTE']);
  expect(new Set(items.map((item) => item.removed_at))).toEqual(new Set([removedAt]));
  const votes = items.filter(({ sk }) => String(sk).startsWith('VOTE#'));
  expect(votes.map(({ person_id }) => person_id).toSorted()).toEqual([early.id, late.id].toSorted());
});

test('the time to live is not part of a response; the erasure of the author deletes the poll', async () => {
  const deps = depsWith(30);
  const author = person();
  const poll = await create(deps, author, HOUR_SECONDS);
  expect(poll).not.toHaveProperty('removed_at');
  expect(await readPoll(deps, author, poll.id)).not.toHaveProperty('removed_at');
  await erasePerson(table, author.id);
  expect((await itemsOf(poll.id)).filter(({ sk }) => !String(sk).endsWith(`#${poll.id}`))).toEqual([]);
});

test.each([
  ['the retention is unlimited', null, HOUR_SECONDS],
  ['the poll has no end', 30, undefined],
] as const)('no item has a time to live when %s', async (_when, retentionDays, expiresIn) => {
  const deps = depsWith(retentionDays);
  const poll = await create(deps, person(), expiresIn);
  await vote(deps, person(), poll.id, { option: 'Tea' });
  const items = await itemsOf(poll.id);
  expect(items.some(({ sk }) => String(sk).startsWith('VOTE#'))).toBe(true);
  expect(items.filter((item) => 'removed_at' in item)).toEqual([]);
});

test('polls and votes written before without a time to live still work', async () => {
  const [voter, other] = [person(), person()];
  const poll = await create(depsWith(null), person(), HOUR_SECONDS);
  await vote(depsWith(null), voter, poll.id, { option: 'Tea' });
  const deps = depsWith(30);
  expect((await readPoll(deps, voter, poll.id)).voted_by_me).toBe(true);
  await expect(vote(deps, voter, poll.id, { option: 'Tea' })).rejects.toMatchObject({
    code: 'poll.already-voted',
  });
  await vote(deps, other, poll.id, { option: 'Tea' });
  expect((await readResults(deps, null, poll.id)).voters_count).toBe(2);
  // Like their poll, which is retained.
  expect((await itemsOf(poll.id)).filter((item) => 'removed_at' in item)).toEqual([]);
});
