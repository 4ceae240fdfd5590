import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { type Deviation, softwareAuthenticator } from '../../../tests/support/authenticator';
import { startIdentity } from '../../../tests/support/identity';
import { codeOf, peopleWithFactors, signedInBy } from '../../../tests/support/second-factors';
import { credentials, passkeyChallenges, passkeys } from '../schema';

const ORIGIN = 'https://rookery.example';
const identity = await startIdentity({ passwords: 'cheap' });
const { authDeps, callAuth } = identity;
const people = peopleWithFactors(identity);
const { begin, complete, join, joinWithApp, signIn, told } = people;

afterAll(() => identity.close());

type Authenticator = ReturnType<typeof softwareAuthenticator>;
type Creation = Parameters<Authenticator['create']>[0];
type Request = Parameters<Authenticator['get']>[0];
type Person = { authorization: string };

const stateOf = ({ status, body }: { status: number; body: Record<string, unknown> }) => [status, body.code];
const REFUSED = [401, 'auth.passkey-refused'];

async function creationOptions({ authorization }: Person): Promise<Creation> {
  const { status, body } = await callAuth('POST', '/auth/passkeys/options', { authorization });
  expect(status).toBe(200);
  return body as unknown as Creation;
}

const add = ({ authorization }: Person, credential: unknown, name?: string) =>
  callAuth('POST', '/auth/passkeys', {
    authorization,
    body: { credential, ...(name !== undefined && { name }) },
  });

async function register(person: Person, options: Parameters<typeof softwareAuthenticator>[1] = {}) {
  const authenticator = softwareAuthenticator(ORIGIN, options);
  const added = await add(person, authenticator.create(await creationOptions(person)), 'Laptop');
  expect(added.status).toBe(201);
  return { authenticator, added, id: String(added.body.id) };
}

async function signInOptions(): Promise<Request> {
  return (await callAuth('POST', '/auth/passkeys/sign-in/options')).body as unknown as Request;
}

const assert = (passkey: unknown) => callAuth('POST', '/auth/passkeys/sign-in', { body: { passkey } });

async function secondFactorOptions(token: string): Promise<Request> {
  const answer = await callAuth('POST', '/auth/second-factor/options', { body: { token } });
  expect(answer.status).toBe(200);
  return answer.body as unknown as Request;
}

describe.each(['ES256', 'EdDSA'] as const)('a passkey with %s', (algorithm) => {
  test('is registered with recovery codes and a mail, and signs in alone with several factors', async () => {
    const person = await join();
    const { authenticator, added } = await register(person, { algorithm });
    expect(added.body).toMatchObject({ name: 'Laptop', synced: false, last_used_at: null });
    expect(added.body.recovery_codes).toHaveLength(10);
    expect(added.headers.get('location')).toBe(`/auth/passkeys/${added.body.id}`);
    expect(await told(person.id)).toEqual(['passkey-added']);
    const signedIn = await assert(authenticator.get(await signInOptions()));
    expect([signedIn.status, signedIn.body.user]).toEqual([
      200,
      { id: person.id, username: person.username },
    ]);
    expect(signedInBy(signedIn).methods).toEqual(['hwk', 'user', 'mfa']);
    expect(signedIn.headers.getSetCookie().map((cookie) => cookie.split('=')[0])).toEqual([
      'refresh_token',
      'device',
    ]);
    const listed = await callAuth('GET', '/auth/passkeys', { authorization: person.authorization });
    const [item] = listed.body.items as { last_used_at: string }[];
    expect(Date.parse(item?.last_used_at ?? '')).toBeGreaterThan(0);
  });

  test('is a second factor after the password, also without verifying its user', async () => {
    const person = await join();
    const { authenticator } = await register(person, { algorithm, synced: true });
    const refused = await signIn(person.username);
    expect(refused.body.second_factor).toMatchObject({ methods: ['passkey', 'recovery_code'] });
    const token = await begin(person.username);
    const passkey = authenticator.get(await secondFactorOptions(token), { userVerified: false });
    const completed = await complete(token, { passkey });
    expect(completed.status).toBe(200);
    expect(signedInBy(completed).methods).toEqual(['pwd', 'swk', 'user', 'mfa']);
  });
});

test('a lost passkey is made up for by a recovery code, and removed', async () => {
  const person = await join();
  const { added, id } = await register(person);
  const [recovery_code = ''] = added.body.recovery_codes as string[];
  const completed = await complete(await begin(person.username), { recovery_code });
  const { authorization } = signedInBy(completed);
  expect((await callAuth('DELETE', `/auth/passkeys/${id}`, { authorization })).status).toBe(204);
  expect((await signIn(person.username)).status).toBe(200);
  expect(await told(person.id)).toEqual(['passkey-added', 'recovery-code-used', 'passkey-removed']);
});

describe('a passkey is not registered', () => {
  const wrong: [string, Deviation][] = [
    ['from a page of another origin', { origin: 'https://evil.example' }],
    ['for another relying party', { rpId: 'evil.example' }],
    ['from a page in a frame of another', { crossOrigin: true }],
    ['without verifying its user', { userVerified: false }],
  ];
  test.each(wrong)('%s', async (_, deviation) => {
    const person = await join();
    const credential = softwareAuthenticator(ORIGIN).create(await creationOptions(person), deviation);
    expect(stateOf(await add(person, credential))).toEqual([422, 'auth.passkey-invalid']);
    expect((await signIn(person.username)).status).toBe(200);
  });

  test('with a challenge of another person, of a sign-in, of its own making, or one that was answered', async () => {
    const [one, other] = [await join(), await join()];
    const own = await creationOptions(one);
    const challenges = [
      (await creationOptions(other)).challenge,
      (await signInOptions()).challenge,
      Buffer.from('of its own making').toString('base64url'),
    ];
    for (const challenge of challenges) {
      const credential = softwareAuthenticator(ORIGIN).create({ ...own, challenge });
      expect(stateOf(await add(one, credential))).toEqual([422, 'auth.passkey-invalid']);
    }
    const credentials = [1, 2, 3].map(() => softwareAuthenticator(ORIGIN).create(own));
    const answers = await Promise.all(credentials.map((credential) => add(one, credential)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 422, 422]);
  });

  test('twice, nor to two people', async () => {
    const [one, other] = [await join(), await join()];
    const authenticator = softwareAuthenticator(ORIGIN);
    expect((await add(one, authenticator.create(await creationOptions(one)))).status).toBe(201);
    for (const person of [one, other]) {
      const again = await add(person, authenticator.create(await creationOptions(person)));
      expect(stateOf(again)).toEqual([409, 'auth.passkey-exists']);
    }
  });

  test('beyond twenty of one person', async () => {
    const person = await join();
    const { added } = await register(person);
    const [row] = await authDeps.database
      .select()
      .from(passkeys)
      .where(eq(passkeys.id, String(added.body.id)));
    if (row === undefined) throw new Error('no passkey');
    const pending = softwareAuthenticator(ORIGIN).create(await creationOptions(person));
    const others = Array.from({ length: 19 }, (_, index) => ({
      ...row,
      id: Bun.randomUUIDv7(),
      credentialHash: `${row.id}-${index}`,
    }));
    await authDeps.database.insert(passkeys).values(others);
    expect(stateOf(await add(person, pending))).toEqual([409, 'auth.too-many-passkeys']);
    const options = await callAuth('POST', '/auth/passkeys/options', { authorization: person.authorization });
    expect(stateOf(options)).toEqual([409, 'auth.too-many-passkeys']);
  });

  test('with what is no credential, and the answer is not the server’s fault', async () => {
    const person = await join();
    const authenticator = softwareAuthenticator(ORIGIN);
    const honest = authenticator.create(await creationOptions(person));
    for (const response of [
      { ...honest.response, clientDataJSON: 'AAAA' },
      { ...honest.response, clientDataJSON: Buffer.from('null').toString('base64url') },
    ])
      expect((await add(person, { ...honest, response })).status).toBe(422);
    for (const attestationObject of ['AAAA', 'oA', honest.response.attestationObject.slice(0, 60)]) {
      const fresh = authenticator.create(await creationOptions(person));
      const response = { ...fresh.response, attestationObject };
      expect(stateOf(await add(person, { ...fresh, response }))).toEqual([422, 'auth.passkey-invalid']);
    }
  });
});

describe('a passkey does not sign in', () => {
  const wrong: [string, Deviation][] = [
    ['at a page of another origin', { origin: 'https://evil.example' }],
    ['for another relying party', { rpId: 'evil.example' }],
    ['in a frame of another page', { crossOrigin: true }],
    ['alone, without verifying its user', { userVerified: false }],
    ['as somebody else', { userHandle: Buffer.alloc(16).toString('base64url') }],
  ];
  test.each(wrong)('%s', async (_, deviation) => {
    const { authenticator } = await register(await join());
    expect(stateOf(await assert(authenticator.get(await signInOptions(), deviation)))).toEqual(REFUSED);
    expect((await assert(authenticator.get(await signInOptions()))).status).toBe(200);
  });

  test('that is unknown, with a signature of another key, or with a challenge of other use', async () => {
    const person = await join();
    const [{ authenticator }, other] = [await register(person), await register(await join())];
    const honest = authenticator.get(await signInOptions());
    expect(stateOf(await assert({ ...honest, id: 'AAAA', rawId: 'AAAA' }))).toEqual(REFUSED);
    const { signature } = other.authenticator.get(await signInOptions()).response;
    expect(stateOf(await assert({ ...honest, response: { ...honest.response, signature } }))).toEqual(
      REFUSED,
    );
    const { challenge } = await creationOptions(person);
    const options = await signInOptions();
    for (const foreign of [challenge, (await secondFactorOptions(await begin(person.username))).challenge])
      expect(stateOf(await assert(authenticator.get({ ...options, challenge: foreign })))).toEqual(REFUSED);
  });

  test('twice with one answer, also at the same time, and not five minutes later', async () => {
    const { authenticator } = await register(await join());
    const answer = authenticator.get(await signInOptions());
    const answers = await Promise.all([1, 2, 3].map(() => assert(answer)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
    const late = authenticator.get(await signInOptions());
    identity.clock.aheadMs = 5 * 60_000;
    try {
      expect(stateOf(await assert(late))).toEqual(REFUSED);
    } finally {
      identity.clock.aheadMs = 0;
    }
  });

  test('after its counter was behind: there is a copy of it', async () => {
    const { authenticator } = await register(await join(), { counts: true });
    expect((await assert(authenticator.get(await signInOptions()))).status).toBe(200);
    for (const counter of [1, 2, 0])
      expect(stateOf(await assert(authenticator.get(await signInOptions(), { counter })))).toEqual(REFUSED);
    expect((await assert(authenticator.get(await signInOptions()))).status).toBe(200);
  });

  test('to a deactivated account', async () => {
    const person = await join();
    const { authenticator } = await register(person);
    const row = eq(credentials.userId, person.id);
    await authDeps.database.update(credentials).set({ active: false }).where(row);
    expect(stateOf(await assert(authenticator.get(await signInOptions())))).toEqual([
      403,
      'auth.deactivated',
    ]);
  });
});

test('a passkey of another person, and an answer to another’s or to a public challenge, is no second factor', async () => {
  const [one, other] = [await join(), await join()];
  const [own, foreign] = [await register(one), await register(other)];
  const token = await begin(one.username);
  const options = await secondFactorOptions(token);
  const others = await secondFactorOptions(await begin(other.username));
  for (const passkey of [
    foreign.authenticator.get(options),
    foreign.authenticator.get(others),
    own.authenticator.get(others),
    own.authenticator.get(await signInOptions()),
  ])
    expect(stateOf(await complete(token, { passkey }))).toEqual(REFUSED);
  expect((await complete(token, { passkey: own.authenticator.get(options) })).status).toBe(200);
  const unknown = await callAuth('POST', '/auth/second-factor/options', { body: { token: 'unknown' } });
  expect(stateOf(unknown)).toEqual([401, 'auth.sign-in-expired']);
});

describe('passkeys', () => {
  test('are listed, renamed and removed by their owner alone', async () => {
    const [one, other] = [await joinWithApp(), await join()];
    const { id } = await register(one);
    const second = await register(one);
    const path = `/auth/passkeys/${id}`;
    for (const method of ['PATCH', 'DELETE']) {
      const body = method === 'PATCH' ? { body: { name: 'Mine' } } : {};
      const answer = await callAuth(method, path, { authorization: other.authorization, ...body });
      expect(stateOf(answer)).toEqual([404, 'auth.passkey-not-found']);
    }
    const { authorization } = one;
    const renamed = await callAuth('PATCH', path, { authorization, body: { name: 'Telephone' } });
    expect(renamed.body).toMatchObject({ id, name: 'Telephone' });
    const listed = await callAuth('GET', '/auth/passkeys?limit=1', { authorization });
    expect(listed.body.items).toEqual([renamed.body]);
    expect(await people.read(authorization)).toMatchObject({ passkeys: 2, recovery_codes: 10 });
    // Recovery codes came with the app, which was first, and stay with it.
    expect(second.added.body.recovery_codes).toBeNull();
    expect((await callAuth('DELETE', path, { authorization })).status).toBe(204);
    expect(stateOf(await callAuth('DELETE', path, { authorization }))[0]).toBe(404);
    expect(await people.read(authorization)).toMatchObject({ passkeys: 1, recovery_codes: 10 });
    const token = await begin(one.username);
    expect((await complete(token, { code: codeOf(one.secret) })).status).toBe(200);
  });

  test('are not removed when nothing else signs in to the account', async () => {
    const person = await join();
    const { authorization } = person;
    const [first, last] = [await register(person), await register(person)];
    const row = eq(credentials.userId, person.id);
    await authDeps.database.update(credentials).set({ passwordHash: null }).where(row);
    const remove = (id: string) => callAuth('DELETE', `/auth/passkeys/${id}`, { authorization });
    expect((await remove(first.id)).status).toBe(204);
    expect(stateOf(await remove(last.id))).toEqual([409, 'auth.last-sign-in-method']);
    expect((await assert(last.authenticator.get(await signInOptions()))).status).toBe(200);
  });

  test('are asked for by options that say who may answer', async () => {
    const person = await join();
    const { authenticator } = await register(person);
    const { id } = authenticator.get(await signInOptions());
    expect(await signInOptions()).toMatchObject({
      rpId: 'rookery.example',
      allowCredentials: [],
      userVerification: 'required',
    });
    // Transports that no browser knows yet are left out.
    const known = [{ id, type: 'public-key', transports: ['internal'] }];
    expect(await creationOptions(person)).toMatchObject({
      rp: { id: 'rookery.example' },
      excludeCredentials: known,
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      attestation: 'none',
    });
    expect(await secondFactorOptions(await begin(person.username))).toMatchObject({
      allowCredentials: known,
    });
  });

  test('have challenges of which only hashes are stored', async () => {
    const { challenge } = await signInOptions();
    const rows = await authDeps.database.select().from(passkeyChallenges);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(challenge);
  });
});
