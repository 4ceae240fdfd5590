import { afterAll, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { softwareAuthenticator } from '../../../tests/support/authenticator';
import { startIdentity } from '../../../tests/support/identity';
import { exportAll, recordsIn } from '../../../tests/support/portability';
import { peopleWithFactors } from '../../../tests/support/second-factors';
import { eraseUser } from '../credentials/replication';
import { authPortability } from '../portability';
import { passkeyChallenges, passkeys, pendingSignIns, recoveryCodes, totpSecrets } from '../schema';
import { sweepBatch } from '../sweep';

const identity = await startIdentity({ passwords: 'cheap' });
const { authDeps, callAuth } = identity;
const { database } = authDeps;
const { begin, joinWithApp } = peopleWithFactors(identity);

afterAll(() => identity.close());

/** Somebody with a row in every table. */
async function personWithAll() {
  const person = await joinWithApp();
  const { authorization } = person;
  const options = await callAuth('POST', '/auth/passkeys/options', { authorization });
  const credential = softwareAuthenticator('https://rookery.example').create(options.body as never);
  const added = await callAuth('POST', '/auth/passkeys', { authorization, body: { credential } });
  expect(added.status).toBe(201);
  await callAuth('POST', '/auth/passkeys/options', { authorization });
  await begin(person.username);
  return { ...person, credential };
}

const TABLES = { passkeyChallenges, passkeys, pendingSignIns, recoveryCodes, totpSecrets };

async function rowsOf(userId: string): Promise<Record<string, number>> {
  const counted = Object.entries(TABLES).map(async ([name, table]) => {
    const rows = await database.select({ id: table.userId }).from(table).where(eq(table.userId, userId));
    return [name, rows.length] as const;
  });
  return Object.fromEntries(await Promise.all(counted));
}

test('an erasure deletes all second factors of a person, and nobody else’s', async () => {
  const [erased, other] = [await personWithAll(), await personWithAll()];
  const all = { passkeyChallenges: 1, passkeys: 1, pendingSignIns: 1, recoveryCodes: 10, totpSecrets: 1 };
  expect(await rowsOf(erased.id)).toEqual(all);
  await eraseUser(authDeps, { id: erased.id, version: 2 });
  expect(Object.values(await rowsOf(erased.id))).toEqual([0, 0, 0, 0, 0]);
  expect(await rowsOf(other.id)).toEqual(all);
  const answer = await callAuth('POST', '/auth/second-factors/totp/confirm', {
    authorization: erased.authorization,
    body: { code: '123456' },
  });
  expect(answer.status).toBe(401);
});

test('an export has the names and dates of second factors, and no secret', async () => {
  const person = await personWithAll();
  const exported = await exportAll(authPortability(authDeps), person.id);
  const records = recordsIn(exported);
  expect(records['second-factors']).toMatchObject([{ recovery_codes_left: 10 }]);
  expect(records.passkeys).toMatchObject([{ name: 'Passkey', synced: false }]);
  const stored = JSON.stringify(exported);
  const [app] = await database.select().from(totpSecrets).where(eq(totpSecrets.userId, person.id));
  for (const secret of [
    person.secret,
    app?.sealedSecret ?? '',
    person.credential.id,
    ...person.recoveryCodes,
  ])
    expect(stored).not.toContain(secret);
});

test('challenges and pending sign-ins that have expired are deleted', async () => {
  const person = await personWithAll();
  identity.clock.aheadMs = 5 * 60_000 + 1;
  try {
    while (await sweepBatch(authDeps));
  } finally {
    identity.clock.aheadMs = 0;
  }
  expect(await rowsOf(person.id)).toMatchObject({ passkeyChallenges: 0, pendingSignIns: 0, totpSecrets: 1 });
});
