import type { RowDataPacket } from 'mysql2/promise';
import { actAs, openApi } from '../../scripts/api';
import { audit } from '../../scripts/audit';
import { servicesWithDatabase } from '../../scripts/databases';
import { differencesIn } from '../support/chat-crowd';
import type { Client } from '../support/client';
import { eventually } from '../support/eventually';
import { compareHomeTimelines } from '../support/home-timelines';
import { eventChecksOf } from './event-checks';
import { differenceOf } from './files';
import type { Load } from './load';
import { type ClusterSystem, environmentOf, queryDatabase } from './system';

/** A job that failed repeatedly waits for its back-off, and a mail for its digest. */
const SETTLE_MS = 300_000;
const PASSWORD = 'correct horse battery staple';

/** What must hold after the faults, however long it takes until it does. */
export function checksOf(system: ClusterSystem, load: Load): Record<string, () => Promise<string[]>> {
  const { acknowledged, people } = load;
  const bases = system.urls.map((url) => url.replace(/\/$/, ''));
  const byName = new Map(people.map((person) => [person.username, person]));
  const client = (name: string): Client => {
    const found = byName.get(name);
    if (found === undefined) throw new Error(`${name} takes no part`);
    return found;
  };
  return {
    async 'every acknowledged post exists once, under its id'() {
      const listed = (
        await Promise.all(people.map((person) => readAll(person, `/posts/${person.username}`)))
      ).flat();
      const problems = acknowledged.posts.flatMap(({ text, id }) => {
        const ids = listed.filter((post) => post.text === text).map((post) => String(post.id));
        return ids.length === 1 && ids[0] === id
          ? []
          : [`${text}: ${ids.length} posts, acknowledged as ${id}`];
      });
      return [...problems, ...differingCount('posts', listed.length, acknowledged.posts.length)];
    },
    async 'every acknowledged like counts once'() {
      const likers = Map.groupBy(acknowledged.likes, ({ post }) => post);
      const problems: string[] = [];
      for (const [post, likes] of likers) {
        const expected = new Set(likes.map(({ person }) => person)).size;
        const { body } = await client(people[0]?.username ?? '').get(`/likes/${post}/count`);
        if (body.count !== expected)
          problems.push(`post ${post}: ${body.count} likes instead of ${expected}`);
      }
      return problems;
    },
    async 'every acknowledged vote counts once'() {
      const problems: string[] = [];
      for (const { poll } of acknowledged.votes) {
        const { body } = await client(people[0]?.username ?? '').get(`/polls/${poll}/results`);
        if (body.voters_count !== 1) problems.push(`poll ${poll}: ${body.voters_count} voters instead of 1`);
      }
      return problems;
    },
    async 'every acknowledged payment succeeds, with one invoice and one mail'() {
      const problems: string[] = [];
      const invoices = (await Promise.all(people.map((person) => readAll(person, '/invoices')))).flat();
      const subjects = await mailSubjects(system);
      for (const { id, payer } of acknowledged.payments) {
        const { body } = await client(payer).get(`/payments/${id}`);
        const own = invoices.filter((invoice) => invoice.payment_id === id);
        const mails = subjects.filter((subject) => subject === `Invoice ${own[0]?.number} is paid`).length;
        if (body.status !== 'succeeded' || own.length !== 1 || mails !== 1)
          problems.push(`payment ${id}: ${body.status}, ${own.length} invoices, ${mails} mails`);
      }
      return problems;
    },
    'every message was received once, in one order': () =>
      differencesIn(load.crowd, load.messagesSent, 30_000),
    async 'home timelines equal SQL'() {
      const api = openApi(bases[0] ?? '');
      const persons = people.map(({ username }) => actAs(api, { username, password: PASSWORD }));
      const differences = await queryDatabase(system, 'timelines', (pool) =>
        compareHomeTimelines(persons, pool),
      );
      return differences.map((difference) => JSON.stringify(difference));
    },
    async 'every acknowledged file has the bytes that were uploaded'() {
      const problems: string[] = [];
      for (const [number, file] of acknowledged.files.entries())
        problems.push(...(await differenceOf(bases[number % bases.length] ?? '', client(file.owner), file)));
      return problems;
    },
    ...eventChecksOf(system, load),
    async 'the outboxes are empty'() {
      const problems: string[] = [];
      for (const { name } of servicesWithDatabase()) {
        const row = await queryDatabase(system, name, async (pool) => {
          const [tables] = await pool.query<RowDataPacket[]>("show tables like 'outbox'");
          if (tables.length === 0) return undefined;
          const [[counted]] = await pool.query<RowDataPacket[]>(
            // What is due later, such as a digest, is not late.
            'select count(*) as pending, max(last_error) as error from outbox where sent_at is null',
          );
          return counted;
        });
        if (Number(row?.pending ?? 0) > 0) problems.push(`${name}: ${row?.pending} messages (${row?.error})`);
      }
      return problems;
    },
    async 'make audit finds nothing'() {
      return (await audit(environmentOf(system))).map(({ invariant, count }) => `${invariant}: ${count}`);
    },
  };
}

/**
 * Repeats a check until it finds nothing.
 *
 * @returns what it finds at the end; empty when it holds
 */
export async function untilItHolds(
  check: () => Promise<string[]>,
  deadlineMs = SETTLE_MS,
): Promise<string[]> {
  let problems: string[] = ['was not checked'];
  await eventually(async () => {
    problems = await check().catch((failure: unknown) => [String(failure)]);
    return problems.length === 0;
  }, deadlineMs).catch(() => undefined);
  return problems;
}

const differingCount = (what: string, found: number, expected: number) =>
  found === expected ? [] : [`${found} ${what} instead of ${expected}`];

async function readAll(person: Client, path: string): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  let cursor: unknown = null;
  do {
    const { status, body } = await person.get(
      `${path}?limit=100${cursor === null ? '' : `&cursor=${cursor}`}`,
    );
    if (status !== 200) throw new Error(`GET ${path}: ${status}`);
    items.push(...(body.items as Record<string, unknown>[]));
    cursor = body.next_cursor;
  } while (cursor !== null);
  return items;
}

async function mailSubjects(system: ClusterSystem): Promise<string[]> {
  const inbox = `${system.stack.environment.MAIL_INBOX_URL}/email`;
  const mails = (await (await fetch(inbox, { signal: AbortSignal.timeout(10_000) })).json()) as {
    subject: string;
  }[];
  return mails.map(({ subject }) => subject);
}
