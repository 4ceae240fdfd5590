import { expect } from 'bun:test';
import { eq } from 'drizzle-orm';
import { decodeJwt } from 'jose';
import { Secret, TOTP } from 'otpauth';
import { MailRequested } from '#contracts/events/mail';
import { outbox, totpSecrets } from '../../services/auth/schema';
import type { Answered } from './call';
import type { startIdentity } from './identity';
import { uniqueName } from './servers';

type Identity = Awaited<ReturnType<typeof startIdentity>>;

export const PASSWORD = 'a long password';

/** The code that an authenticator app shows, or showed and will show some steps away. */
export const codeOf = (secret: string, options: { atMs?: number; steps?: number } = {}): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({
    timestamp: (options.atMs ?? Date.now()) + (options.steps ?? 0) * 30_000,
  });

/** Who a sign-in has signed in, and how. */
export function signedInBy({ body }: Answered) {
  const claims = decodeJwt(String(body.access_token));
  return {
    id: String(claims.sub),
    methods: claims.amr,
    authorization: `Bearer ${body.access_token}`,
    refreshToken: String(body.refresh_token),
  };
}

/** People of an identity service under test, who set up second factors and sign in with them. */
export function peopleWithFactors({ authDeps, callAuth }: Identity) {
  async function join() {
    const username = uniqueName('u').replaceAll('-', '_');
    const email = `${username}@example.com`;
    const answer = await callAuth('POST', '/auth/register', {
      body: { username, email, password: PASSWORD },
    });
    expect(answer.status).toBe(201);
    return { username, email, ...signedInBy(answer) };
  }

  const signIn = (username: string, headers: Record<string, string> = {}, password = PASSWORD) =>
    callAuth('POST', '/auth/login', { body: { username, password }, headers });

  /** The token of a sign-in that waits for a second factor. */
  async function begin(username: string, headers: Record<string, string> = {}): Promise<string> {
    const answer = await signIn(username, headers);
    expect([answer.status, answer.body.code]).toEqual([401, 'auth.second-factor-required']);
    return (answer.body.second_factor as { token: string }).token;
  }

  const complete = (
    token: string,
    factor: { code?: string; recovery_code?: string; passkey?: unknown },
    headers: Record<string, string> = {},
  ) => callAuth('POST', '/auth/second-factor', { body: { token, ...factor }, headers });

  /** Sets an authenticator app up, and lets the code that has confirmed it be used again. */
  async function setUpApp(person: { id: string; authorization: string }) {
    const { authorization } = person;
    const begun = await callAuth('POST', '/auth/second-factors/totp', { authorization });
    const secret = String(begun.body.secret);
    const confirmed = await callAuth('POST', '/auth/second-factors/totp/confirm', {
      authorization,
      body: { code: codeOf(secret) },
    });
    expect(confirmed.status).toBe(200);
    await forgetUsedCodes(person.id);
    return { secret, recoveryCodes: confirmed.body.recovery_codes as string[] };
  }

  const forgetUsedCodes = (id: string) =>
    authDeps.database.update(totpSecrets).set({ lastStep: 0 }).where(eq(totpSecrets.userId, id));

  async function joinWithApp() {
    const person = await join();
    return { ...person, ...(await setUpApp(person)) };
  }

  /** What a person was told by mail, in order. */
  async function told(id: string): Promise<string[]> {
    const rows = await authDeps.database.select().from(outbox).where(eq(outbox.aggregateId, id));
    return rows
      .filter(({ name, aggregateType }) => name === MailRequested.name && aggregateType === 'second-factors')
      .map(({ payload }) => String(JSON.parse(String(payload)).data.content.values.change));
  }

  const read = async (authorization: string) =>
    (await callAuth('GET', '/auth/second-factors', { authorization })).body;

  return { join, joinWithApp, setUpApp, forgetUsedCodes, signIn, begin, complete, told, read };
}
