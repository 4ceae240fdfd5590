import { describe, expect, test } from 'bun:test';
import { type JsonResume, validatedResume } from './json-resume';
import { InvalidResume } from './model';
import { resumePage } from './page';

/** As it is stored: before addresses were checked, any could be. */
const show = async (document: JsonResume, title = 'A title') => {
  const response = resumePage({ document, title, visibility: 'link' });
  return { html: await response.text(), headers: response.headers };
};

const TAGS = /<\/?([a-z0-9]+)/g;
const tagsIn = (html: string) => new Set([...html.matchAll(TAGS)].map(([, name]) => name));
const templateTags = tagsIn(
  (await show({ basics: { name: 'Ada', label: 'x', url: 'https://ada.example' } })).html,
);

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</style><style>*{display:none}</style>',
  '<!--',
  '&lt;script&gt;',
];

/** A résumé with the same text in every field. */
const filledWith = (text: string) => ({
  basics: {
    name: text,
    label: text,
    image: text,
    phone: text,
    summary: text,
    location: { city: text, region: text },
  },
  work: [
    { name: text, position: text, location: text, description: text, summary: text, highlights: [text] },
  ],
  volunteer: [{ organization: text, position: text, summary: text, highlights: [text] }],
  education: [
    { institution: text, area: text, studyType: text, score: text, courses: [text], summary: text },
  ],
  awards: [{ title: text, awarder: text, summary: text }],
  certificates: [{ name: text, issuer: text }],
  publications: [{ name: text, publisher: text, summary: text }],
  skills: [{ name: text, level: text, keywords: [text] }],
  languages: [{ language: text, fluency: text }],
  interests: [{ name: text, keywords: [text] }],
  references: [{ name: text, reference: text }],
  projects: [
    { name: text, description: text, highlights: [text], keywords: [text], roles: [text], entity: text },
  ],
});

describe('the page of a résumé', () => {
  test.each(HOSTILE)('escapes %p in every field', async (text) => {
    const { html } = await show(filledWith(text), text);
    expect(html).not.toContain(text);
    // With the same digits, so that the phone number gets a link as well.
    const harmless = `harmless ${text.replaceAll(/\D/g, '')}`;
    const plain = await show(filledWith(harmless), harmless);
    expect(tagsIn(html)).toEqual(tagsIn(plain.html));
    const attributes = (page: string) =>
      new Set([...page.matchAll(/\s([a-z-]+)="/g)].map(([, name]) => name));
    expect(attributes(html)).toEqual(attributes(plain.html));
    expect(html.match(/<style>/g)).toHaveLength(1);
  });

  test('does not interpret texts as template syntax', async () => {
    expect((await show({ basics: { name: '{{page_title}}', summary: '{{{heading}}}' } })).html).toContain(
      '<h1 dir="auto">{{page_title}}</h1>',
    );
  });

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'http://user:password@ada.example/',
    'https://user@ada.example/',
  ])('does not link to %p, which no résumé may hold any more', async (url) => {
    const document = {
      basics: { name: 'Ada', url, profiles: [{ network: 'Net', url }] },
      work: [{ name: 'A job', url }],
      projects: [{ name: 'A project', url }],
    };
    if (!url.startsWith('http')) expect((await show(document)).html).not.toContain('href');
    for (const refused of [
      document,
      { basics: { url } },
      { basics: { image: url } },
      { basics: { profiles: [{ url }] } },
      { work: [{ url }] },
      { meta: { canonical: url } },
    ])
      expect(() => validatedResume(refused)).toThrow(InvalidResume);
  });

  test('links to web, mail and phone addresses', async () => {
    const { html } = await show({
      basics: {
        email: 'ada@example.com',
        phone: '+353 (91) 555-0117',
        url: 'https://ada.example/?a=1&b="2"',
      },
    });
    const links = [...html.matchAll(/href="([^"]*)"/g)].map(([, link]) =>
      link?.replaceAll('&#x2F;', '/').replaceAll('&#x3D;', '=').replaceAll('&amp;', '&'),
    );
    expect(links).toEqual([
      'mailto:ada%40example.com',
      'tel:+353915550117',
      'https://ada.example/?a=1&b=%222%22',
    ]);
  });

  test('allows no script and no external resource, sends no referrer, and is not indexed', async () => {
    const { html, headers } = await show({});
    const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? '';
    const hash = new Bun.CryptoHasher('sha256').update(style).digest('base64');
    const policy = headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`style-src 'sha256-${hash}'`);
    expect(policy).not.toContain('unsafe');
    expect(html).not.toMatch(/\b(src|url\()|style="/);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-robots-tag')).toBe('noindex');
  });

  test('does not fall back to the person’s name for an entry without a name', async () => {
    const { html } = await show({
      basics: { name: 'Ada Byron' },
      work: [{ summary: 'Did things' }],
      skills: [{}],
    });
    expect(html.match(/Ada Byron/g)).toHaveLength(2);
    expect(html).toContain('Did things');
    expect(html).not.toContain('Skills');
  });

  test('omits values of unexpected types', async () => {
    const { html } = await show({
      education: [{ institution: 'A school', summary: { deep: true } }],
      extra: [1],
    });
    expect(html).toContain('A school');
    expect(html).not.toContain('object Object');
  });

  test('has a section for every part of a résumé, and dates as months', async () => {
    expect(templateTags.has('h1')).toBe(true);
    const { html } = await show({
      ...filledWith('harmless'),
      work: [
        { name: 'x', startDate: '2020-02-01', endDate: '2021' },
        { name: 'y', startDate: '2021-11' },
      ],
    });
    for (const heading of [
      'Experience',
      'Projects',
      'Education',
      'Volunteering',
      'Publications',
      'Certificates',
      'Awards',
      'References',
      'Skills',
      'Languages',
      'Interests',
    ])
      expect(html).toContain(`<h2>${heading}</h2>`);
    expect(html).toContain('Feb 2020 – 2021');
    expect(html).toContain('Nov 2021 – present');
  });
});
