import { afterAll, describe, expect, test } from 'bun:test';
import { eq, sql } from 'drizzle-orm';
import { MailRequested } from '#contracts/events/mail';
import { parseEnvelope } from '#contracts/messages';
import { uuidv7 } from '#kit/core/ids';
import { oldDatabase } from '../../../tests/support/old-database';
import { type Member, startPeople } from '../../../tests/support/people';
import { ensureAdministrator } from '../bootstrap';
import { emailVerifications, users } from '../schema';
import { VERIFICATIONS_PER_DAY } from './service';
import { deleteExpiredVerifications, isVerified } from './store';

const { app, call, close, database, deps, join, messagesNamed, tokens } = await startPeople();
afterAll(close);

/** The mails about a user that were requested, oldest first. */
async function mailsAbout(userId: string) {
  const rows = (await messagesNamed(MailRequested.name)).filter((row) => row.aggregateId === userId);
  for (const row of rows) expect(row.erasePayload).toBe(true);
  return rows.map((row) => parseEnvelope([MailRequested], Buffer.from(row.payload)).data);
}

/** The tokens mailed to an address, oldest first. */
async function tokensTo(userId: string, address: string): Promise<string[]> {
  return (await mailsAbout(userId)).flatMap(({ to, content }) => {
    if (content.template !== 'email-verification' || !('address' in to) || to.address !== address) return [];
    const { link } = content.values;
    expect(link).toStartWith('http://rookery.test/users/email/verification?token=');
    return link.slice(link.indexOf('=') + 1);
  });
}

const lastToken = async (userId: string, address: string) =>
  (await tokensTo(userId, address)).at(-1) ?? 'none';
const confirm = (token: string) => call('POST', '/users/email/verification', { body: { token } });
const ask = (member: Member) => call('POST', '/users/me/email/verification', member);
const move = (member: Member, email: string) =>
  call('PUT', '/users/me/email', { authorization: member.authorization, body: { email } });
const stateOf = async (member: Member) => {
  const { email, email_verified, pending_email } = (await call('GET', '/users/me', member)).body;
  return { email, email_verified, pending_email };
};
async function joinVerified(username: string): Promise<Member> {
  const member = await join(username);
  expect((await confirm(await lastToken(member.id, `${username}@example.com`))).status).toBe(204);
  return member;
}
const templatesTo = async (userId: string, address: string) =>
  (await mailsAbout(userId)).flatMap(({ to, content }) =>
    'address' in to && to.address === address ? [content.template] : [],
  );

describe('a registered address', () => {
  test('is not verified until its mailed token is used, once; only a hash of the token is stored', async () => {
    const ada = await join('ada');
    const address = 'ada@example.com';
    expect(await stateOf(ada)).toEqual({ email: address, email_verified: false, pending_email: null });
    expect(await isVerified(database, address)).toBe(false);
    const token = await lastToken(ada.id, address);
    const rows = await database.select().from(emailVerifications);
    expect(JSON.stringify(rows)).not.toContain(token);
    const answers = await Promise.all(Array.from({ length: 5 }, () => confirm(token)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 410, 410, 410, 410]);
    expect(await stateOf(ada)).toEqual({ email: address, email_verified: true, pending_email: null });
    expect(await isVerified(database, address)).toBe(true);
    expect(await ask(ada)).toMatchObject({ status: 409, body: { code: 'user.email-verified' } });
  });

  test('gets a mail without a word of whoever registered', async () => {
    const words = { display_name: 'Click https://evil.example NOW', first_name: 'evil.example' };
    const { body } = await call('POST', '/register', {
      body: { username: 'stranger', email: 'victim@example.com', password: 'a long password', ...words },
    });
    const [mail] = await mailsAbout(String(body.id));
    expect(mail?.to).toEqual({ address: 'victim@example.com' });
    expect(JSON.stringify(mail)).not.toMatch(/evil|stranger/);
  });

  test('is not verified by an expired, a foreign or a made-up token, which are told apart by nothing', async () => {
    const bob = await join('bob');
    const token = await lastToken(bob.id, 'bob@example.com');
    const expired = { expiresAt: sql`utc_timestamp(3) - interval 1 second` };
    await database.update(emailVerifications).set(expired).where(eq(emailVerifications.userId, bob.id));
    const [first, second] = [await confirm(token), await confirm('made-up')];
    expect([first.status, first.body.code]).toEqual([410, 'user.verification-refused']);
    expect([second.status, second.body.code, second.body.detail]).toEqual([
      first.status,
      first.body.code,
      first.body.detail,
    ]);
    expect((await stateOf(bob)).email_verified).toBe(false);
    await deleteExpiredVerifications(database, 1_000);
    const left = await database.select().from(emailVerifications);
    expect(left.filter(({ userId }) => userId === bob.id)).toEqual([]);
  });

  test('gets a bounded number of mails a day, and each of their links works', async () => {
    const cem = await join('cem');
    const statuses: number[] = [];
    for (let mail = 1; mail <= VERIFICATIONS_PER_DAY; mail++) statuses.push((await ask(cem)).status);
    expect(statuses).toEqual([...Array(VERIFICATIONS_PER_DAY - 1).fill(202), 429]);
    expect((await move(cem, 'elsewhere@example.com')).body.code).toBe('user.too-many-verifications');
    const mailed = await tokensTo(cem.id, 'cem@example.com');
    expect(mailed).toHaveLength(VERIFICATIONS_PER_DAY);
    expect((await confirm(mailed[0] ?? '')).status).toBe(204);
    // Confirming does not start the count anew.
    expect((await move(cem, 'elsewhere@example.com')).status).toBe(429);
  });

  test('that cannot receive mail, as users have who register by phone, gets none', async () => {
    const body = { username: 'phoned', email: 'phoned@phone.invalid', password: 'a long password' };
    const id = String((await call('POST', '/register', { body })).body.id);
    expect(await mailsAbout(id)).toEqual([]);
    const phoned = {
      id,
      username: 'phoned',
      authorization: await tokens.authorization({ id, username: 'phoned' }),
    };
    expect((await ask(phoned)).body.code).toBe('user.email-undeliverable');
    expect((await move(phoned, 'other@phone.invalid')).body.code).toBe('user.email-undeliverable');
    expect((await move(phoned, 'phoned@example.com')).status).toBe(202);
  });

  test('of the configured administrator counts as verified', async () => {
    const email = 'chief@example.com';
    await ensureAdministrator(deps, { username: 'chief', email, password: 'a long password' });
    expect(await isVerified(database, email)).toBe(true);
  });
});

describe('the page of the link', () => {
  const page = (token: string, method = 'GET', body?: URLSearchParams) =>
    app.handle(
      new Request(`http://localhost/users/email/verification${method === 'GET' ? `?token=${token}` : ''}`, {
        method,
        ...(body && { body }),
      }),
    );

  test('changes nothing when it is opened, and verifies with its button, without JavaScript', async () => {
    const dan = await join('dan');
    const token = await lastToken(dan.id, 'dan@example.com');
    for (let visit = 0; visit < 3; visit++) expect((await page(token)).status).toBe(200);
    expect((await stateOf(dan)).email_verified).toBe(false);
    const opened = await page(token);
    const html = await opened.text();
    expect(html).toContain('<form method="post" action="verification">');
    expect(html).not.toMatch(/<script|\bdan\b/);
    expect(opened.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(opened.headers.get('cache-control')).toBe('no-store');
    const pressed = await page(token, 'POST', new URLSearchParams({ token }));
    expect([pressed.status, await pressed.text()]).toEqual([200, expect.stringContaining('is confirmed')]);
    expect((await stateOf(dan)).email_verified).toBe(true);
    for (const again of [await page(token), await page(token, 'POST', new URLSearchParams({ token }))])
      expect([again.status, again.headers.get('content-type')]).toEqual([410, 'text/html; charset=utf-8']);
  });

  test('does not reflect what is sent to it', async () => {
    const hostile = '"><script>alert(1)</script>';
    const answer = await page(encodeURIComponent(hostile));
    expect([answer.status, (await answer.text()).includes('<script>alert')]).toEqual([410, false]);
  });
});

describe('a new address', () => {
  test('is requested with a recent sign-in: an access token alone moves nothing', async () => {
    const kim = await join('kim_a');
    const authorization = await tokens.authorization(kim, [], { signedInSecondsAgo: 600 });
    const body = { email: 'stolen@example.com' };
    const refused = await call('PUT', '/users/me/email', { authorization, body });
    expect([refused.status, refused.body.code]).toEqual([401, 'auth.sign-in-again']);
    expect(await stateOf(kim)).toMatchObject({ pending_email: null });
  });

  test('takes effect when it is confirmed, and is told to the old one, which stays in use until then', async () => {
    const eve = await joinVerified('eve');
    const moved = await move(eve, 'Neu@Bücher.example');
    const waiting = {
      email: 'eve@example.com',
      email_verified: true,
      pending_email: 'Neu@Bücher.example',
    };
    expect([moved.status, moved.body]).toMatchObject([202, waiting]);
    expect(await stateOf(eve)).toEqual(waiting);
    expect(await isVerified(database, 'eve@example.com')).toBe(true);
    expect(await templatesTo(eve.id, 'eve@example.com')).toEqual(['email-verification']);
    expect((await confirm(await lastToken(eve.id, 'Neu@Bücher.example'))).status).toBe(204);
    const after = { email: 'Neu@Bücher.example', email_verified: true, pending_email: null };
    expect(await stateOf(eve)).toEqual(after);
    expect(await templatesTo(eve.id, 'eve@example.com')).toEqual(['email-verification', 'address-changed']);
    expect(await isVerified(database, 'eve@example.com')).toBe(false);
    const sent = (await messagesNamed('auth.email-set')).map((row) => JSON.parse(row.payload).data);
    expect(sent.at(-1)).toMatchObject({ user_id: eve.id, email: 'Neu@Bücher.example' });
  });

  test('is not told to an old one that nobody has confirmed', async () => {
    const fay = await join('fay');
    await move(fay, 'fay-2@example.com');
    await confirm(await lastToken(fay.id, 'fay-2@example.com'));
    expect(await templatesTo(fay.id, 'fay@example.com')).toEqual(['email-verification']);
  });

  test('makes the tokens for other addresses worthless, and is withdrawn by naming the present one', async () => {
    const gus = await join('gus');
    const first = await lastToken(gus.id, 'gus@example.com');
    await move(gus, 'gus-2@example.com');
    const second = await lastToken(gus.id, 'gus-2@example.com');
    await move(gus, 'gus-3@example.com');
    expect((await confirm(second)).status).toBe(410);
    expect((await move(gus, 'gus@example.com')).body.pending_email).toBeNull();
    expect((await confirm(await lastToken(gus.id, 'gus-3@example.com'))).status).toBe(410);
    await move(gus, 'gus-2@example.com');
    expect((await confirm(await lastToken(gus.id, 'gus-2@example.com'))).status).toBe(204);
    expect((await confirm(first)).status).toBe(410);
    expect((await stateOf(gus)).email).toBe('gus-2@example.com');
  });

  test('gets the same response whether or not another user has it; only its mailbox learns', async () => {
    const hal = await join('hal');
    const owner = await join('owner');
    const [taken, free] = [await move(hal, 'owner@example.com'), await move(hal, 'free@example.com')];
    const shown = ({ status, body, headers }: typeof taken) => [
      status,
      Object.keys(body),
      [...headers.keys()].sort(),
    ];
    expect(shown(taken)).toEqual(shown(free));
    await move(hal, 'owner@example.com');
    const token = await lastToken(hal.id, 'owner@example.com');
    expect((await confirm(token)).body.code).toBe('user.email-taken');
    expect((await stateOf(owner)).email).toBe('owner@example.com');
  });
});

describe('an operator', () => {
  test('vouches for an address or withdraws that, and both are in the audit log', async () => {
    const ida = await join('ida');
    const boss = await join('boss');
    const authorization = await tokens.authorization(boss, ['admin:auth', 'audit:read']);
    const change = (body: object) => call('PUT', `/admin/auth/${ida.id}`, { authorization, body });
    expect((await change({ email_verified: true })).body.email_verified).toBe(true);
    expect(await isVerified(database, 'ida@example.com')).toBe(true);
    // A changed address is a new one: told to the old one, verified anew.
    expect((await change({ email: 'ida-2@example.com' })).body.email_verified).toBe(false);
    expect(await templatesTo(ida.id, 'ida@example.com')).toEqual(['email-verification', 'address-changed']);
    expect(await templatesTo(ida.id, 'ida-2@example.com')).toEqual(['email-verification']);
    const { body } = await call('GET', `/admin/audit?target=${ida.id}`, { authorization });
    const verified = (body.items as { changes: Record<string, unknown>[] }[]).map(({ changes }) =>
      changes.filter(({ field }) => field === 'email_verified'),
    );
    expect(verified).toEqual([
      [{ field: 'email_verified', before: true, after: false }],
      [{ field: 'email_verified', before: false, after: true }],
    ]);
  });
});

test('erasure deletes the links', async () => {
  const joe = await join('joe');
  const token = await lastToken(joe.id, 'joe@example.com');
  expect((await call('DELETE', '/users/me', joe)).status).toBe(204);
  const left = await database.select().from(emailVerifications);
  expect(left.filter(({ userId }) => userId === joe.id)).toEqual([]);
  expect((await confirm(token)).status).toBe(410);
});

test('the addresses of the version before are not verified', async () => {
  const old = await oldDatabase('users', '0005_follow-requests');
  try {
    const id = sql.param(uuidv7(), users.id);
    await old.database.execute(
      sql`insert into users (id, username, email, email_key, display_name) values (${id}, 'old', 'old@example.com', 'old@example.com', 'Old')`,
    );
    await old.migrate();
    expect(await isVerified(old.database, 'old@example.com')).toBe(false);
    expect(await old.database.select().from(users)).toMatchObject([
      { email: 'old@example.com', emailVerifiedAt: null, pendingEmail: null },
    ]);
  } finally {
    await old.drop();
  }
});
