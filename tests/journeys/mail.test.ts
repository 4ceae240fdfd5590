import { beforeAll, expect, test } from 'bun:test';
import { type Client, join, request } from '../support/client';
import { eventually } from '../support/eventually';
import { mailsTo, verificationTokenIn } from '../support/inbox';
import { ADMIN_PASSWORD, sharedSystem } from '../support/shared-system';
import type { System } from '../support/system';

const START_MS = 240_000;
const TEST_MS = 120_000;

let system: System;
let admin: string;

beforeAll(async () => {
  system = await sharedSystem();
  admin = await eventually(async () => {
    const credentials = { username: 'admin', password: ADMIN_PASSWORD };
    const { status, body } = await request(system.url, 'POST', '/auth/login', { body: credentials });
    expect(status).toBe(200);
    return String(body.access_token);
  });
}, START_MS);

const VERIFICATION = 'Confirm your email address';
const subjectsTo = async (address: string) => (await mailsTo(system, address)).map(({ subject }) => subject);

/** Template and status of the mails to a user, as operators see them. */
async function recordsOf({ id }: Client): Promise<string[]> {
  const { body } = await request(system.url, 'GET', `/mails?to=${id}`, { token: admin });
  const mails = body.items as { template: string; status: string; reason: string | null }[];
  return mails.map(({ template, status, reason }) => [template, status, reason].join(' ')).toSorted();
}

/** A like that is digested, and a payment that is invoiced. */
async function likedAndPaid(author: Client, liker: Client): Promise<void> {
  const text = 'Read https://evil.example NOW';
  const post = String((await author.post('/posts', { text })).body.id);
  expect((await liker.post(`/likes/${post}`)).status).toBe(201);
  const paid = { amount: '3.50', currency: 'EUR', description: 'At evil.example', payment_method: 'pm_ok' };
  const key = { 'idempotency-key': crypto.randomUUID() };
  expect((await author.post('/payments', paid, key)).status).toBe(202);
}

test(
  'an address gets its verification and no other mail, until whoever reads it confirms it',
  async () => {
    const address = 'ivy_v@example.com';
    const [ivy, liker] = await Promise.all([join(system.url, 'ivy_v'), join(system.url, 'jan_v')]);
    await likedAndPaid(ivy, liker);
    await eventually(async () => {
      const records = await recordsOf(ivy);
      expect(records).toContain('email-verification sent ');
      for (const template of ['likes-digest', 'invoice-paid'])
        expect(records).toContain(`${template} suppressed the address is not verified`);
    }, TEST_MS);
    const mail = await eventually(async () => {
      const [first, ...others] = await mailsTo(system, address);
      if (first === undefined) throw new Error('The mail has not arrived');
      expect([first.subject, others]).toEqual([VERIFICATION, []]);
      return first;
    });
    expect(JSON.stringify([mail.text, mail.html, mail.to])).not.toMatch(/ivy_v(?!@)/);
    expect(mail.headers['list-unsubscribe']).toBeUndefined();
    const token = verificationTokenIn(mail);
    const path = '/users/email/verification';
    // A mail scanner opens the link.
    expect((await request(system.url, 'GET', `${path}?token=${token}`)).status).toBe(200);
    expect((await ivy.get('/users/me')).body).toMatchObject({ email: address, email_verified: false });
    const button = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ token }).toString();
    expect((await request(system.url, 'POST', path, { body, headers: button })).status).toBe(200);
    expect((await ivy.get('/users/me')).body).toMatchObject({ email: address, email_verified: true });

    await likedAndPaid(ivy, liker);
    const liked = 'jan_v liked your post';
    await eventually(async () => {
      expect(await subjectsTo(address)).toEqual(
        expect.arrayContaining([VERIFICATION, liked, expect.stringMatching(/^Invoice \S+ is paid$/)]),
      );
    }, TEST_MS);
    for (const { subject, headers, text } of await mailsTo(system, address)) {
      const isSubscription = subject === liked || subject.includes('otification');
      expect([subject, headers['list-unsubscribe-post']]).toEqual([
        subject,
        isSubscription ? 'List-Unsubscribe=One-Click' : undefined,
      ]);
      expect(text).not.toMatch(/evil\.example/);
    }
  },
  TEST_MS,
);
