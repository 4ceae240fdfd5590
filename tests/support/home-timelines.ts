import { readFileSync } from 'node:fs';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { createMysqlPool } from '#kit/mysql/database';
import { readState } from '../../infra/state';
import { actAs, DEFAULT_GATEWAY_URL, field, openApi, type Person, readAll } from '../../scripts/api';
import { databaseOf } from '../../scripts/databases';
import { credentialsOf, parseEdges } from '../../scripts/graph/edges';
import { inParallel } from '../../scripts/seed/in-parallel';

const CONCURRENCY = 8;

export interface HomeDifference {
  readonly username: string;
  /** In the database, but not on the home timeline. */
  readonly missing: readonly string[];
  /** On the home timeline, but not in the database. */
  readonly unexpected: readonly string[];
  /** The same posts, in another order or more than once. */
  readonly order: boolean;
}

/**
 * Compares every person's home timeline, read page by page through the gateway, with its definition in SQL over the
 * database of timelines: their own posts and those of the people they follow, newest first.
 *
 * @returns the differences; empty when fan-out is correct and has caught up
 */
export async function compareHomeTimelines(
  people: readonly Person[],
  database: Pool,
): Promise<HomeDifference[]> {
  const differences = await inParallel('homes', people, CONCURRENCY, async (person) => {
    const posts = await readAll(person, `/posts/home/${person.username}`);
    const shown = posts.map((post) => String(field(post, 'id')));
    return differenceOf(person.username, shown, await homeInSql(database, person.username));
  });
  return differences.flat();
}

function differenceOf(username: string, shown: readonly string[], expected: readonly string[]) {
  const shownSet = new Set(shown);
  const expectedSet = new Set(expected);
  const missing = expected.filter((id) => !shownSet.has(id));
  const unexpected = shown.filter((id) => !expectedSet.has(id));
  if (shown.join() === expected.join()) return [];
  return [{ username, missing, unexpected, order: missing.length === 0 && unexpected.length === 0 }];
}

async function homeInSql(database: Pool, username: string): Promise<string[]> {
  const [rows] = await database.query<RowDataPacket[]>(
    `select cast(posts.id as char) as id
       from people as reader, posts join people as author on author.id = posts.author_id
      where reader.username = ? and not reader.deleted and not author.deleted and posts.deleted_at is null
        and (author.id = reader.id
          or exists (select * from follows
                      where follower_id = reader.id and followee_id = author.id and active)
         and not exists (select * from mutes
                          where user_id = reader.id and other_id = author.id and active)
         and not exists (select * from blocks
                          where active and (user_id, other_id) in
                                ((reader.id, author.id), (author.id, reader.id))))
      order by posts.id desc`,
    [username],
  );
  return rows.map((row) => String(row.id));
}

/** After `scripts/graph/load.ts`: `bun tests/support/home-timelines.ts <the same edges file>` */
async function main([file]: string[]): Promise<number> {
  if (file === undefined) {
    console.error('Usage: bun tests/support/home-timelines.ts <edges file>');
    return 2;
  }
  const api = openApi(process.env.GATEWAY_URL ?? DEFAULT_GATEWAY_URL);
  const { people } = parseEdges(readFileSync(file, 'utf8'));
  const address = databaseOf('timelines', { ...readState()?.environment, ...process.env });
  const database = createMysqlPool(address, CONCURRENCY);
  try {
    const persons = people.map((name) => actAs(api, credentialsOf(name)));
    const differences = await compareHomeTimelines(persons, database);
    for (const { username, missing, unexpected, order } of differences.slice(0, 20))
      console.error(
        `${username}: ${missing.length} missing, ${unexpected.length} unexpected${order ? ', wrong order' : ''}`,
      );
    console.log(
      `${people.length - differences.length} of ${people.length} home timelines match the database`,
    );
    return differences.length === 0 ? 0 : 1;
  } finally {
    await database.end();
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
