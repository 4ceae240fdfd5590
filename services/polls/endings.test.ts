import { afterAll, beforeAll, expect, test } from 'bun:test';
import { PollEnded } from '#contracts/events/polls';
import { type MessageOf, parseEnvelope } from '#contracts/messages';
import { uuidv7 } from '#kit/core/ids';
import { ensureTable, openDynamodb } from '#kit/dynamodb/client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { tellOfEndings } from './endings';
import { countVote, forgetPerson, insertPoll, pollsTable } from './store';

const runtime = testRuntime('poll-endings');
const table = {
  client: openDynamodb(runtime, {
    DYNAMODB_URL: serverVariable('DYNAMODB_URL'),
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  }),
  name: uniqueName('polls'),
};
const START_MS = Date.now();
const HOUR_MS = 60 * 60_000;
let nowMs = START_MS;

beforeAll(() => ensureTable(runtime, table.client, pollsTable(table.name)));
afterAll(() => runtime.close());

type Told = MessageOf<typeof PollEnded>['data'];

/** An instance of the service; it looks by itself only after the test. */
function instance(told: Told[], options: { failsAfter?: number } = {}) {
  const { failsAfter = Number.POSITIVE_INFINITY } = options;
  let published = 0;
  return tellOfEndings({
    runtime: testRuntime('poll-endings-instance'),
    table,
    now: () => nowMs,
    rabbit: {
      connected: true,
      async publish(_route, { body }) {
        if (++published > failsAfter) throw new Error('the process ends here');
        told.push(parseEnvelope([PollEnded], body).data);
      },
    },
  });
}

async function poll(voters: number, endsInMs: number | null = HOUR_MS) {
  const [id, author] = [uuidv7(), uuidv7()];
  const record = {
    id,
    author_id: author,
    question: 'Tea or coffee?',
    options: ['Tea', 'Coffee'],
    multiple: false,
    hide_results_until_end: false,
    created_at: nowMs,
    expires_at: endsInMs === null ? null : nowMs + endsInMs,
  };
  await insertPoll(table, record, null);
  const people = Array.from({ length: voters }, uuidv7);
  for (const personId of people)
    expect(await countVote(table, { pollId: id, personId, choices: [0], nowMs })).toBe('counted');
  return { id, author, people };
}

const of = (told: readonly Told[], id: string) => told.filter(({ poll_id }) => poll_id === id);
const votersIn = (told: readonly Told[]) => told.flatMap(({ voter_ids }) => voter_ids);

test('whoever asked and all who voted are told when a poll has ended, and not before', async () => {
  const told: Told[] = [];
  const look = instance(told);
  const [ending, alone, open] = [await poll(3), await poll(0), await poll(2, null)];
  await look();
  nowMs += HOUR_MS;
  // A vote may still be on its way.
  await look();
  expect(told).toEqual([]);
  nowMs += 10_000;
  await look();
  await look();
  expect(of(told, ending.id)).toEqual([
    {
      poll_id: ending.id,
      author_id: ending.author,
      voter_ids: ending.people,
      ended_at: new Date(nowMs - 10_000).toISOString(),
    },
  ]);
  expect(of(told, alone.id)).toMatchObject([{ author_id: alone.author, voter_ids: [] }]);
  expect(of(told, open.id)).toEqual([]);
});

test('of any number of instances one tells', async () => {
  const told: Told[] = [];
  const { id, people } = await poll(120);
  nowMs += HOUR_MS + 10_000;
  await Promise.all([instance(told), instance(told), instance(told)].map((look) => look()));
  expect(of(told, id).map(({ voter_ids }) => voter_ids.length)).toEqual([100, 20]);
  expect(votersIn(of(told, id))).toEqual(people);
});

test('an instance that dies in the middle is followed by another, which misses nobody', async () => {
  const { id, people } = await poll(210);
  nowMs += HOUR_MS + 10_000;
  const told: Told[] = [];
  await instance(told, { failsAfter: 1 })();
  expect(votersIn(of(told, id))).toHaveLength(100);
  // The first one might still be about it.
  await instance(told)();
  expect(votersIn(of(told, id))).toHaveLength(100);
  nowMs += 20_000;
  await instance(told)();
  expect(votersIn(of(told, id))).toEqual(people);
  await instance(told)();
  expect(votersIn(of(told, id))).toEqual(people);
});

test('while RabbitMQ is away nothing is begun, and those who have left are not told', async () => {
  const { id, author, people } = await poll(2);
  nowMs += HOUR_MS + 10_000;
  const away = tellOfEndings({
    runtime: testRuntime('poll-endings-away'),
    table,
    now: () => nowMs,
    rabbit: { connected: false, publish: () => Promise.reject(new Error('away')) },
  });
  await away();
  const [leaver = '', stayer] = people;
  await forgetPerson(table, leaver);
  await forgetPerson(table, author);
  const told: Told[] = [];
  await instance(told)();
  expect(of(told, id)).toMatchObject([{ author_id: null, voter_ids: [stayer] }]);
});
