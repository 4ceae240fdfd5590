import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { LinkifyIt } from 'linkify-it';
import { InvoicePaid } from '#contracts/events/billing';
import type { MailContent } from '#contracts/events/mail';
import { FACTOR_CHANGES, MailRequested } from '#contracts/events/mail';
import { envelope } from '#contracts/messages';
import { compileMailTemplates } from '../../scripts/build-mail-templates';
import { formatLikers, type TemplateData, templateDataOf } from './template-data';
import { renderBody, renderSubject } from './templates';

const context = { requestId: 'request-1', actor: null };
const USER = '01981f6e-7a10-7c3e-8d2b-5f0a1b2c3d4e';
const requested = (content: MailContent) =>
  templateDataOf(envelope(MailRequested, { to: { user_id: USER }, content }, context));
const invoice = (changed: { amount?: string; currency?: string; description?: string } = {}) =>
  templateDataOf(
    envelope(
      InvoicePaid,
      {
        invoice_id: USER,
        number: '2026-17',
        user_id: USER,
        amount: changed.amount ?? '1234.50',
        currency: changed.currency ?? 'EUR',
        lines: [{ description: changed.description ?? 'Stickers', amount: changed.amount ?? '1234.50' }],
        paid_at: '2026-11-20T09:15:01.000Z',
      },
      context,
    ),
  );
const post = (excerpt = 'Hello', likers = ['alice'], others_count = 0) => ({
  excerpt,
  link: 'https://rookery.example/posts/1',
  likers,
  others_count,
});
const linked = { link: 'https://rookery.example/r?a=1&b=2', expires_at: '2026-11-20T10:15:00.000Z' };
const mails = [
  invoice(),
  requested({ template: 'password-reset', values: linked }),
  requested({ template: 'email-verification', values: linked }),
  requested({ template: 'address-changed', values: { changed_at: '2026-11-20T10:15:00.000Z' } }),
  requested({
    template: 'second-factors-changed',
    values: { change: 'passkey-added', changed_at: '2026-11-20T10:15:00.000Z' },
  }),
  requested({
    template: 'identities-changed',
    values: { change: 'linked', provider: 'Acme', changed_at: '2026-11-20T10:15:00.000Z' },
  }),
  requested({ template: 'likes-digest', values: { posts: [post()] } }),
  requested({
    template: 'notification',
    values: { title: 'News', text: 'One\nTwo', action: { label: 'Look', link: 'https://rookery.example/' } },
  }),
];

describe('mail templates', () => {
  test('are committed as generated from their sources', async () => {
    for (const [name, built] of await compileMailTemplates())
      expect([name, await Bun.file(join(import.meta.dir, 'templates', name)).text()]).toEqual([name, built]);
  });

  test.each(mails.map((mail) => [mail.template, mail] as const))(
    '%s has every placeholder filled, loads no external resources, and has a plain text equivalent',
    (_name, mail) => {
      const { html, text } = renderBody(mail, 'https://rookery.example/u');
      for (const body of [html, text, renderSubject(mail)]) {
        expect(body).not.toMatch(/\{\{|\}\}|undefined|null|\[object/);
        expect(body.trim()).not.toBe('');
      }
      expect(html).not.toMatch(/\b(src|srcset|background)=|@import|<link|url\(/);
      expect(text).not.toMatch(/<[a-z/]/i);
      expect(text).toContain('https://rookery.example/u');
    },
  );

  test('have a value for every placeholder, so that none is silently blank', async () => {
    const known: Record<string, Set<string>> = {};
    for (const mail of mails) known[mail.template] = namesIn(mail.values);
    for (const [file, html] of await compileMailTemplates()) {
      const names = [...html.matchAll(/\{\{[#/^]?([a-z_.]+)\}\}/g)].map(([, name]) => name ?? '');
      const always = new Set(['headline', 'preview', 'unsubscribe_url', '.']);
      const values = known[file.replace('.html.mustache', '')] ?? new Set();
      expect([file, names.filter((name) => !always.has(name) && !values.has(name))]).toEqual([file, []]);
    }
  });

  test('say for each change of second factors what it means, in words of their own', () => {
    const told = FACTOR_CHANGES.map((change) =>
      requested({
        template: 'second-factors-changed',
        values: { change, changed_at: '2026-11-20T10:15:00.000Z' },
      }),
    );
    expect(new Set(told.map(renderSubject)).size).toBe(FACTOR_CHANGES.length);
    for (const mail of told) expect(renderBody(mail, undefined).text).toContain('November');
  });

  test('escape user input', () => {
    const hostile = `<script>alert(1)</script>{{link}}&"'\n<img src=x onerror=y>`;
    const mail = requested({ template: 'likes-digest', values: { posts: [post(hostile)] } });
    const { html, text } = renderBody(mail, undefined);
    expect(html).not.toMatch(/<script|<img/);
    expect(html).toContain('&lt;script&gt;');
    expect(text).toContain('<script>alert(1)</script>{{link}}&"\'');
  });

  test('have nothing but the headline and the preview where mail clients show a headline', async () => {
    const compiled = await compileMailTemplates();
    expect([...compiled.keys()].length).toBe(mails.length);
    for (const [file, html] of compiled) {
      expect([file, /<title>([^<]*)<\/title>/.exec(html)?.[1]]).toEqual([file, '{{headline}}']);
      const preview = /<div style="display:none[^>]*>([^<]*)<\/div>/.exec(html)?.[1];
      expect([file, preview?.trim()]).toEqual([file, '{{preview}}']);
      // The first placeholder of the body is the heading.
      const body = html
        .slice(html.indexOf('<body'))
        .replace(/<div style="display:none[^>]*>[^<]*<\/div>/, '');
      expect([file, /\{\{([^}]*)\}\}/.exec(body)?.[1]]).toEqual([file, 'headline']);
    }
  });

  test('show words of strangers in the body only, and as no link', () => {
    const linkifier = new LinkifyIt({ fuzzyLink: true, fuzzyEmail: true });
    const hostile = 'Click https://evil.example NOW, evil.com, eve@evil.com, www。evil．com \u202emoc.live';
    const name = hostile.slice(0, 200);
    const content = [
      invoice({ description: hostile }),
      requested({ template: 'likes-digest', values: { posts: [post(hostile, [name, 'alice'], 3)] } }),
      requested({
        template: 'notification',
        values: {
          title: name.slice(0, 150),
          text: hostile,
          action: { label: hostile.slice(0, 60), link: 'https://rookery.example/' },
        },
      }),
    ];
    for (const mail of content) {
      const { html, text } = renderBody(mail, undefined);
      for (const headline of [renderSubject(mail), mail.preview]) expect(headline).not.toMatch(/evil|click/i);
      // Without our own links.
      const shown = [text, html.replaceAll(/<[^>]*>/g, ' ')].map((part) =>
        part.replaceAll(/https:\/\/rookery\.example\/[\w/]*/g, ''),
      );
      for (const part of shown) expect((linkifier.match(part) ?? []).map(({ raw }) => raw)).toEqual([]);
      expect(text.toLowerCase()).toContain('evil. example');
      expect(html).not.toMatch(/href="[^"]*evil/);
    }
  });

  test('render subjects as one line of bounded length', () => {
    const [mail] = mails;
    if (mail === undefined) throw new Error('no mail');
    const headline = `A & B\r\nBcc: victim\u2028${'x'.repeat(300)}` as TemplateData['headline'];
    const subject = renderSubject({ headline });
    expect(subject).toStartWith('A & B Bcc: victim x');
    expect(subject.length).toBe(200);
    expect(subject).not.toMatch(/[\p{Cc}\u2028]/u);
    expect(renderSubject(mail)).toBe('Invoice 2026-17 is paid');
  });

  test('name some likers and count the others', () => {
    const shownLikers = (likers: Parameters<typeof formatLikers>[0]) => String(formatLikers(likers));
    expect(shownLikers({ likers: ['alice'], others_count: 0 })).toBe('alice');
    expect(shownLikers({ likers: ['alice', 'bob'], others_count: 0 })).toBe('alice and bob');
    expect(shownLikers({ likers: ['alice', 'bob'], others_count: 1 })).toBe('alice, bob and 1 other');
    expect(shownLikers({ likers: ['alice', 'bob'], others_count: 7 })).toBe('alice, bob and 7 others');
    const several = requested({
      template: 'likes-digest',
      values: { posts: [post('Hello', ['alice', 'bob'], 7), post()] },
    });
    expect(renderSubject(several)).toBe('10 likes on 2 of your posts');
  });

  test('format money exactly, with the digits of its currency', () => {
    const totalOf = (amount: string, currency: string) => String(invoice({ amount, currency }).values.total);
    expect(totalOf('9007199254740993.01', 'EUR')).toBe('€9,007,199,254,740,993.01');
    expect(totalOf('1200', 'JPY')).toBe('¥1,200');
    expect(totalOf('1.234', 'KWD')).toBe('KWD\u00a01.234');
  });
});

/** The names of all values, including nested ones. */
function namesIn(value: unknown): Set<string> {
  if (Array.isArray(value)) return new Set(value.flatMap((item) => [...namesIn(item)]));
  if (typeof value !== 'object' || value === null) return new Set();
  return new Set(Object.entries(value).flatMap(([name, inner]) => [name, ...namesIn(inner)]));
}
