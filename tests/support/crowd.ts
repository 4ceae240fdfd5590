import { drizzle } from 'drizzle-orm/mysql2';
import { SignJWT } from 'jose';
import { UserCreated } from '#contracts/events/users';
import { ACCESS_TOKEN_TYPE } from '#kit/auth/tokens';
import { uuidv7 } from '#kit/core/ids';
import { outboxEntry, writeOutbox } from '#kit/messaging/outbox';
import { createMysqlPool, inTransaction } from '#kit/mysql/database';
import { users } from '../../services/users/schema';

/** The environment of systems that accept the tokens issued here. */
export const CROWD_ENVIRONMENT = {
  JWT_ALG: 'HS256',
  JWT_SECRET: 'a token secret of more than 32 characters',
  JWT_ISSUER: 'http://issuer.test',
};

export interface CrowdMember {
  readonly id: string;
  readonly username: string;
  readonly token: string;
}

const BATCH_SIZE = 500;

/**
 * Creates thousands of registered and signed-in people without hashing their passwords: writes their rows and events to
 * the database of users, and signs their tokens.
 *
 * @param environment the addresses of the system's servers
 */
export async function makeCrowd(
  environment: Readonly<Record<string, string>>,
  usernames: readonly string[],
): Promise<CrowdMember[]> {
  const pool = createMysqlPool(
    {
      host: environment.DB_HOST ?? '',
      port: Number(environment.DB_PORT),
      user: environment.DB_USER ?? '',
      password: environment.DB_PASSWORD ?? '',
      database: 'microblog_users',
    },
    1,
  );
  try {
    const crowd: CrowdMember[] = [];
    for (let start = 0; start < usernames.length; start += BATCH_SIZE) {
      const people = usernames
        .slice(start, start + BATCH_SIZE)
        .map((username) => ({ id: uuidv7(), username }));
      await inTransaction(drizzle(pool), async (transaction) => {
        await transaction.insert(users).values(
          people.map(({ id, username }) => ({
            id,
            username,
            email: `${username}@example.com`,
            displayName: username,
          })),
        );
        await writeOutbox(transaction, people.map(createdEntry));
      });
      for (const person of people) crowd.push({ ...person, token: await tokenOf(person) });
    }
    return crowd;
  } finally {
    await pool.end();
  }
}

function createdEntry({ id, username }: { id: string; username: string }) {
  const data = { id, username, display_name: username, avatar_url: null, active: true, version: 1 };
  return outboxEntry(UserCreated, data, { aggregate: { type: 'user', id, version: 1 }, actor: id });
}

function tokenOf({ id, username }: { id: string; username: string }): Promise<string> {
  return new SignJWT({ username, sid: uuidv7(), roles: ['user'], permissions: [] })
    .setProtectedHeader({ alg: CROWD_ENVIRONMENT.JWT_ALG, typ: ACCESS_TOKEN_TYPE })
    .setSubject(id)
    .setJti(uuidv7())
    .setIssuer(CROWD_ENVIRONMENT.JWT_ISSUER)
    .setAudience('rookery')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(CROWD_ENVIRONMENT.JWT_SECRET));
}
