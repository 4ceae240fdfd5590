import { afterAll, beforeAll, expect, test } from 'bun:test';
import { PollEnded } from '#contracts/events/polls';
import { type MessageOf, parseEnvelope } from '#contracts/messages';
import { uuidv7 } from '#kit/core/ids';
import { ensureTable, openDynamodb } from '#kit/dynamodb/client';
import { serverVariable, testRuntime, uniqueName } from '../../tests/support/servers';
import { publishEndedPolls } from './ended-polls';
import { countVote, erasePerson, insertPoll } from './store';
import { pollsTable } from './table';

const runtime = testRuntime('ended-polls');
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

type Ended = MessageOf<typeof PollEnded>['data'];

/** An instance of the service; its own schedule starts only after the test. */
function instance(events: Ended[], options: { failsAfter?: number } = {}) {
  const { failsAfter = Number.POSITIVE_INFINITY } = options;
  let published = 0;
  return publishEndedPolls(
    { runtime: testRuntime('ended-polls-instance'), table, now: () => nowMs },
    {
      connected: true,
      async publish(_route, { body }) {
        if (++published > failsAfter) throw new Error('the process dies here');
        events.push(parseEnvelope([PollEnded], body).data);
      },
    },
  );
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
  await insertPoll(table, record, { retentionMs: null, announcesEnd: true });
  const people = Array.from({ length: voters }, uuidv7);
  for (const personId of people)
    expect(await countVote(table, { poll: { id }, personId, choices: [0], nowMs })).toBe('counted');
  return { id, author, people };
}

const of = (events: readonly Ended[], id: string) => events.filter(({ poll_id }) => poll_id === id);
const votersIn = (events: readonly Ended[]) => events.flatMap(({ voter_ids }) => voter_ids);

test('poll.ended names the author and all voters once the poll has ended, and not before', async () => {
  const events: Ended[] = [];
  const publishDue = instance(events);
  const [ending, alone, open] = [await poll(3), await poll(0), await poll(2, null)];
  await publishDue();
  nowMs += HOUR_MS;
  // A vote may still be in flight.
  await publishDue();
  expect(events).toEqual([]);
  nowMs += 10_000;
  await publishDue();
  await publishDue();
  expect(of(events, ending.id)).toEqual([
    {
      poll_id: ending.id,
      author_id: ending.author,
      voter_ids: ending.people,
      ended_at: new Date(nowMs - 10_000).toISOString(),
    },
  ]);
  expect(of(events, alone.id)).toMatchObject([{ author_id: alone.author, voter_ids: [] }]);
  expect(of(events, open.id)).toEqual([]);
});

test('of several instances one publishes', async () => {
  const events: Ended[] = [];
  const { id, people } = await poll(120);
  nowMs += HOUR_MS + 10_000;
  await Promise.all([instance(events), instance(events), instance(events)].map((publishDue) => publishDue()));
  expect(of(events, id).map(({ voter_ids }) => voter_ids.length)).toEqual([100, 20]);
  expect(votersIn(of(events, id))).toEqual(people);
});

test('after a crash another instance continues once the lease has expired, and misses nobody', async () => {
  const { id, people } = await poll(210);
  nowMs += HOUR_MS + 10_000;
  const events: Ended[] = [];
  await instance(events, { failsAfter: 1 })();
  expect(votersIn(of(events, id))).toHaveLength(100);
  // The lease of the first instance has not expired.
  await instance(events)();
  expect(votersIn(of(events, id))).toHaveLength(100);
  nowMs += 20_000;
  await instance(events)();
  expect(votersIn(of(events, id))).toEqual(people);
  await instance(events)();
  expect(votersIn(of(events, id))).toEqual(people);
});

test('nothing is published while RabbitMQ is unavailable, and erased people are omitted', async () => {
  const { id, author, people } = await poll(2);
  nowMs += HOUR_MS + 10_000;
  const publishDue = publishEndedPolls(
    { runtime: testRuntime('ended-polls-unavailable'), table, now: () => nowMs },
    { connected: false, publish: () => Promise.reject(new Error('unavailable')) },
  );
  await publishDue();
  const [leaver = '', stayer] = people;
  await erasePerson(table, leaver);
  const gone = await poll(2);
  nowMs += HOUR_MS + 10_000;
  await erasePerson(table, gone.author);
  const events: Ended[] = [];
  await instance(events)();
  expect(of(events, id)).toMatchObject([{ author_id: author, voter_ids: [stayer] }]);
  expect(of(events, gone.id)).toEqual([]);
});
