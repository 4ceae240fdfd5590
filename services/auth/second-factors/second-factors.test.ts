import { afterAll, describe, expect, test } from 'bun:test';
import { eq } from 'drizzle-orm';
import { AuthServiceDefinition } from '#contracts/gen/auth/v1/auth';
import { startIdentity } from '../../../tests/support/identity';
import { permittedClient } from '../../../tests/support/permitted-client';
import { codeOf, PASSWORD, peopleWithFactors, signedInBy } from '../../../tests/support/second-factors';
import { uniqueName } from '../../../tests/support/servers';
import { credentials, recoveryCodes, totpSecrets } from '../schema';

const identity = await startIdentity({ passwords: 'cheap' });
const { authDeps, callAuth, callUsers } = identity;
const people = peopleWithFactors(identity);
const { begin, complete, join, joinWithApp, signIn, told } = people;

afterAll(() => identity.close());

const stateOf = ({ status, body }: { status: number; body: Record<string, unknown> }) => [status, body.code];
const EXPIRED = [401, 'auth.sign-in-expired'];
const WRONG = [401, 'auth.wrong-second-factor'];

describe('an authenticator app', () => {
  test('is set up with a URI, a QR code and a secret, which is stored encrypted', async () => {
    const { authorization, id, username } = await join();
    const { status, body, headers } = await callAuth('POST', '/auth/second-factors/totp', { authorization });
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    const uri = new URL(String(body.uri));
    expect(uri.protocol).toBe('otpauth:');
    expect(decodeURIComponent(uri.pathname)).toContain(`Rookery:${username}@rookery.example`);
    expect(uri.searchParams.get('secret')).toBe(String(body.secret));
    expect(String(body.secret)).toHaveLength(32);
    expect(String(body.qr_code)).toMatch(/^<svg [^>]*viewBox[\s\S]*<\/svg>$/);
    expect(String(body.qr_code)).not.toMatch(/<image|<script|href=/);
    const [stored] = await authDeps.database.select().from(totpSecrets).where(eq(totpSecrets.userId, id));
    expect(stored?.sealedSecret).not.toContain(String(body.secret));
  });

  test('is a factor once a code of it was entered, and comes with ten recovery codes and a mail', async () => {
    const { authorization, id, username } = await join();
    const first = await callAuth('POST', '/auth/second-factors/totp', { authorization });
    const second = await callAuth('POST', '/auth/second-factors/totp', { authorization });
    const secret = String(second.body.secret);
    const confirm = (code: string) =>
      callAuth('POST', '/auth/second-factors/totp/confirm', { authorization, body: { code } });
    // The set-up that was begun before is forgotten.
    for (const code of [codeOf(String(first.body.secret)), codeOf(secret, { steps: 3 })])
      expect(stateOf(await confirm(code))).toEqual([403, 'auth.wrong-code']);
    expect((await signIn(username)).status).toBe(200);
    expect(await people.read(authorization)).toEqual({ totp: null, passkeys: 0, recovery_codes: 0 });
    const confirmed = await confirm(codeOf(secret).replace(/^.../, '$& '));
    expect(confirmed.status).toBe(200);
    const codes = confirmed.body.recovery_codes as string[];
    expect(codes).toHaveLength(10);
    const { totp, recovery_codes } = await people.read(authorization);
    expect([Object.keys(totp as object), recovery_codes]).toEqual([['confirmed_at'], 10]);
    expect(await told(id)).toEqual(['app-added']);
    const stored = JSON.stringify(await authDeps.database.select().from(recoveryCodes));
    for (const code of codes) expect(stored).not.toContain(code);
    // The code that has confirmed it is used.
    expect(stateOf(await complete(await begin(username), { code: codeOf(secret) }))).toEqual(WRONG);
    const again = await callAuth('POST', '/auth/second-factors/totp', { authorization });
    expect(stateOf(again)).toEqual([409, 'auth.authenticator-app-exists']);
    expect(stateOf(await confirm(codeOf(secret)))).toEqual([409, 'auth.authenticator-app-exists']);
  });

  test('is confirmed only after a set-up was begun', async () => {
    const { authorization } = await join();
    const options = { authorization, body: { code: '123456' } };
    const confirmed = await callAuth('POST', '/auth/second-factors/totp/confirm', options);
    expect(stateOf(confirmed)).toEqual([404, 'auth.authenticator-app-not-found']);
  });

  test('that is removed takes the recovery codes with it, and the password alone signs in', async () => {
    const person = await joinWithApp();
    const { authorization } = signedInBy(
      await complete(await begin(person.username), { code: codeOf(person.secret) }),
    );
    const remove = () => callAuth('DELETE', '/auth/second-factors/totp', { authorization });
    expect((await remove()).status).toBe(204);
    expect(stateOf(await remove())).toEqual([404, 'auth.authenticator-app-not-found']);
    expect(await people.read(authorization)).toEqual({ totp: null, passkeys: 0, recovery_codes: 0 });
    expect(await told(person.id)).toEqual(['app-added', 'app-removed']);
    expect((await signIn(person.username)).status).toBe(200);
  });
});

test('second factors change only after a recent sign-in', async () => {
  const person = await join();
  identity.clock.aheadMs = -10 * 60_000;
  let authorization: string;
  try {
    authorization = signedInBy(await signIn(person.username)).authorization;
  } finally {
    identity.clock.aheadMs = 0;
  }
  for (const [method, path, body] of [
    ['POST', '/auth/second-factors/totp'],
    ['POST', '/auth/second-factors/totp/confirm', { code: '123456' }],
    ['DELETE', '/auth/second-factors/totp'],
    ['POST', '/auth/second-factors/recovery-codes'],
    ['POST', '/auth/passkeys/options'],
    ['DELETE', `/auth/passkeys/${person.id}`],
  ] as const) {
    const answer = await callAuth(method, path, { authorization, ...(body !== undefined && { body }) });
    expect([method, path, ...stateOf(answer)]).toEqual([method, path, 401, 'auth.sign-in-again']);
  }
  expect((await callAuth('GET', '/auth/second-factors', { authorization })).status).toBe(200);
});

describe('a sign-in with a password and a second factor', () => {
  test('begins with a refusal that says how to go on, and issues nothing before', async () => {
    const { username, secret } = await joinWithApp();
    const refused = await signIn(username);
    expect(refused.body).toMatchObject({
      code: 'auth.second-factor-required',
      second_factor: { methods: ['totp', 'recovery_code'], expires_in: 300 },
    });
    expect(refused.headers.getSetCookie()).toEqual([]);
    expect(refused.headers.get('cache-control')).toBe('no-store');
    expect(JSON.stringify(refused.body)).not.toContain('access_token');
    const { token } = refused.body.second_factor as { token: string };
    const completed = await complete(token, { code: codeOf(secret) });
    expect(completed.status).toBe(200);
    expect(Object.keys(completed.body).sort()).toEqual(
      ['access_token', 'expires_in', 'refresh_token', 'token_type', 'user'].sort(),
    );
    const cookies = completed.headers.getSetCookie().map((cookie) => cookie.split('=')[0]);
    expect(cookies).toEqual(['refresh_token', 'device']);
    expect(signedInBy(completed).methods).toEqual(['pwd', 'otp', 'mfa']);
  });

  test('is asked for by every way in, on a known device as well', async () => {
    const person = await joinWithApp();
    const { username, email, secret } = person;
    const device = await complete(await begin(username), { code: codeOf(secret) });
    const cookie = device.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    const body = { username, password: PASSWORD };
    const answers = [
      await callAuth('POST', '/auth/login', { body, headers: { cookie } }),
      await callAuth('POST', '/auth/login', { body: { email, password: PASSWORD } }),
      await callUsers('POST', '/login', { body }),
      await callUsers('POST', '/login', { body, headers: { cookie } }),
    ];
    for (const answer of answers) {
      expect(stateOf(answer)).toEqual([401, 'auth.second-factor-required']);
      const { token } = answer.body.second_factor as { token: string };
      await people.forgetUsedCodes(person.id);
      expect((await complete(token, { code: codeOf(secret) })).status).toBe(200);
    }
    const client = permittedClient(authDeps.runtime, {
      service: 'auth',
      definition: AuthServiceDefinition,
      registry: identity.registry,
    });
    await expect(client.login(body)).rejects.toMatchObject({
      code: 'auth.second-factor-required',
      members: { second_factor: { methods: ['totp', 'recovery_code'] } },
    });
  });

  test('says nothing of second factors to whoever does not know the password', async () => {
    const { username } = await joinWithApp();
    const wrong = await signIn(username, {}, 'not the password');
    const unknown = await signIn(uniqueName('nobody'), {}, 'not the password');
    const { request_id: _, ...expected } = unknown.body;
    expect(wrong.body).toMatchObject(expected);
    expect(wrong.body).not.toHaveProperty('second_factor');
  });

  test('keeps its factors when its tokens are refreshed, and when its password is changed', async () => {
    const { id, username, secret } = await joinWithApp();
    const session = await complete(await begin(username), { code: codeOf(secret) });
    const { authorization, refreshToken } = signedInBy(session);
    const refreshed = await callAuth('POST', '/auth/refresh', { body: { refresh_token: refreshToken } });
    expect(signedInBy(refreshed).methods).toEqual(['pwd', 'otp', 'mfa']);
    const changed = await callAuth('PATCH', `/auth/users/${id}`, {
      authorization,
      body: { current_password: PASSWORD, new_password: 'another long password' },
    });
    expect(signedInBy(changed).methods).toEqual(['pwd', 'otp', 'mfa']);
    expect(stateOf(await signIn(username, {}, 'another long password'))).toEqual([
      401,
      'auth.second-factor-required',
    ]);
  });

  test('does not outlive a change of the password', async () => {
    const { id, username, secret } = await joinWithApp();
    const token = await begin(username);
    const hash = await authDeps.passwords.rehash('set meanwhile', {});
    await authDeps.database.update(credentials).set({ passwordHash: hash }).where(eq(credentials.userId, id));
    expect(stateOf(await complete(token, { code: codeOf(secret) }))).toEqual([401, 'auth.wrong-credentials']);
  });

  test('is refused for a deactivated account', async () => {
    const { id, username, secret } = await joinWithApp();
    const token = await begin(username);
    await authDeps.database.update(credentials).set({ active: false }).where(eq(credentials.userId, id));
    expect(stateOf(await complete(token, { code: codeOf(secret) }))).toEqual([403, 'auth.deactivated']);
  });

  test('takes exactly one answer at a time', async () => {
    const {
      username,
      secret,
      recoveryCodes: [recovery_code = ''],
    } = await joinWithApp();
    const token = await begin(username);
    for (const factor of [{}, { code: codeOf(secret), recovery_code }, { code: '12345' }])
      expect((await complete(token, factor)).status).toBe(422);
    expect((await complete(token, { code: codeOf(secret) })).status).toBe(200);
  });
});

describe('a code is refused', () => {
  test('that was used, is too old or too new, or is of another person', async () => {
    const [one, other] = [await joinWithApp(), await joinWithApp()];
    const code = codeOf(one.secret);
    expect((await complete(await begin(one.username), { code })).status).toBe(200);
    const token = await begin(one.username);
    for (const wrong of [
      code,
      codeOf(one.secret, { steps: -2 }),
      codeOf(one.secret, { steps: 3 }),
      codeOf(other.secret),
    ])
      expect(stateOf(await complete(token, { code: wrong }))).toEqual(WRONG);
    expect((await complete(token, { code: codeOf(one.secret, { steps: 1 }) })).status).toBe(200);
  });

  test('the second time, also at the same time in two sign-ins', async () => {
    const { username, secret, recoveryCodes: codes } = await joinWithApp();
    for (const factor of [{ code: codeOf(secret) }, { recovery_code: codes[0] ?? '' }]) {
      const tokens = await Promise.all([1, 2, 3, 4].map(() => begin(username)));
      const answers = await Promise.all(tokens.map((token) => complete(token, factor)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401]);
    }
  });
});

describe('a pending sign-in', () => {
  test('is completed once, also by two right answers at the same time', async () => {
    const { username, secret, recoveryCodes: codes } = await joinWithApp();
    const token = await begin(username);
    const answers = await Promise.all([
      complete(token, { code: codeOf(secret) }),
      complete(token, { recovery_code: codes[0] ?? '' }),
      complete(token, { recovery_code: codes[1] ?? '' }),
    ]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(stateOf(await complete(token, { recovery_code: codes[2] ?? '' }))).toEqual(EXPIRED);
  });

  test('expires after five minutes, and takes no token of anybody else’s making', async () => {
    const { username, recoveryCodes: codes } = await joinWithApp();
    const token = await begin(username);
    identity.clock.aheadMs = 5 * 60_000;
    try {
      expect(stateOf(await complete(token, { recovery_code: codes[0] ?? '' }))).toEqual(EXPIRED);
    } finally {
      identity.clock.aheadMs = 0;
    }
    expect(stateOf(await complete('unknown', { recovery_code: codes[0] ?? '' }))).toEqual(EXPIRED);
    expect((await complete(token, { recovery_code: codes[0] ?? '' })).status).toBe(200);
  });

  test('takes five answers', async () => {
    const { username, recoveryCodes: codes } = await joinWithApp();
    const token = await begin(username);
    for (let answer = 0; answer < 5; answer++)
      expect(stateOf(await complete(token, { recovery_code: '0000-0000-0000-0000' }))).toEqual(WRONG);
    for (const recovery_code of ['0000-0000-0000-0000', codes[0] ?? ''])
      expect(stateOf(await complete(token, { recovery_code }))).toEqual(EXPIRED);
    expect((await complete(await begin(username), { recovery_code: codes[0] ?? '' })).status).toBe(200);
  });
});

describe('a recovery code', () => {
  test('signs in once, however it is typed; its owner is told, and sees how many are left', async () => {
    const { id, username, recoveryCodes: codes } = await joinWithApp();
    const typed = (codes[0] ?? '').toUpperCase().replaceAll('-', ' ');
    const completed = await complete(await begin(username), { recovery_code: typed });
    expect(signedInBy(completed).methods).toEqual(['pwd', 'otp', 'mfa']);
    const { authorization } = signedInBy(completed);
    expect(await people.read(authorization)).toMatchObject({ recovery_codes: 9 });
    expect(await told(id)).toEqual(['app-added', 'recovery-code-used']);
    expect(stateOf(await complete(await begin(username), { recovery_code: typed }))).toEqual(WRONG);
  });

  test('is not accepted after new ones were made', async () => {
    const { authorization, id, username, recoveryCodes: codes } = await joinWithApp();
    const made = await callAuth('POST', '/auth/second-factors/recovery-codes', { authorization });
    expect(made.headers.get('cache-control')).toBe('no-store');
    const [code = ''] = made.body.recovery_codes as string[];
    expect(await told(id)).toEqual(['app-added', 'recovery-codes-replaced']);
    const token = await begin(username);
    expect(stateOf(await complete(token, { recovery_code: codes[0] ?? '' }))).toEqual(WRONG);
    expect((await complete(token, { recovery_code: code })).status).toBe(200);
  });

  test('is made for no account without a second factor', async () => {
    const { authorization } = await join();
    const made = await callAuth('POST', '/auth/second-factors/recovery-codes', { authorization });
    expect(stateOf(made)).toEqual([409, 'auth.no-second-factor']);
  });
});
