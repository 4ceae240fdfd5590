import Mustache from 'mustache';
import { type Entry, type JsonResume, withoutBlanks } from './json-resume';
import template from './page.html.mustache' with { type: 'text' };
import type { Visibility } from './rules';

const [, afterStart = ''] = template.split('<style>');
const [style = ''] = afterStart.split('</style>');
const styleHash = new Bun.CryptoHasher('sha256').update(style).digest('base64');

/** Blocks scripts and external resources, whatever a résumé contains. The only style sheet is allowed by its hash. */
const CONTENT_SECURITY_POLICY = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** A résumé as a printable HTML page. The template escapes every value. */
export function resumePage(resume: {
  document: JsonResume;
  title: string;
  visibility: Visibility;
}): Response {
  return new Response(Mustache.render(template, pageOf(resume.document, resume.title)), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      // The URL may contain a share token.
      'referrer-policy': 'no-referrer',
      'cache-control': 'private, no-cache',
      ...(resume.visibility !== 'public' && { 'x-robots-tag': 'noindex' }),
    },
  });
}

/**
 * The view of the template. Every name is always set, if only to an empty value: Mustache looks a missing name up in the
 * enclosing contexts.
 */
export function pageOf(stored: JsonResume, title: string) {
  const document = withoutBlanks(stored);
  const { name, label, summary, ...basics } = recordOf(document.basics);
  const heading = textOf(name);
  const sections = [
    section('Experience', listOf(document.work).map(job)),
    section('Projects', listOf(document.projects).map(project)),
    section('Education', listOf(document.education).map(school)),
    section(
      'Volunteering',
      listOf(document.volunteer).map((entry) => job({ ...entry, name: entry.organization })),
    ),
    section('Publications', listOf(document.publications).map(publication)),
    section('Certificates', listOf(document.certificates).map(certificate)),
    section('Awards', listOf(document.awards).map(award)),
    section('References', listOf(document.references).map(reference)),
  ].filter(({ entries }) => entries.length > 0);
  const asides = [
    aside('Skills', listOf(document.skills), 'level'),
    aside('Languages', listOf(document.languages), 'fluency', 'language'),
    aside('Interests', listOf(document.interests), ''),
  ].filter(({ items }) => items.length > 0);
  return {
    page_title: heading === '' || heading === title ? title : `${heading} – ${title}`,
    heading: heading === '' ? title : heading,
    label: textOf(label),
    contacts: contactsOf(basics),
    about: paragraphs(summary),
    sections,
    asides,
    has_asides: asides.length > 0,
  };
}

const section = (heading: string, entries: readonly ReturnType<typeof entryOf>[]) => ({ heading, entries });

/** The common shape of all entries on the page. */
function entryOf(shown: {
  title: unknown;
  subtitle?: readonly unknown[];
  url?: unknown;
  from?: unknown;
  to?: unknown;
  /** Without an end date, the entry is current. */
  ongoing?: boolean;
  text?: readonly unknown[];
  points?: unknown;
  tags?: unknown;
}) {
  const tags = textsIn(shown.tags);
  const dates = period(textOf(shown.from), textOf(shown.to), shown.ongoing === true);
  return {
    title: textOf(shown.title),
    subtitle: (shown.subtitle ?? []).map(textOf).filter(Boolean).join(' · '),
    href: webAddress(shown.url),
    dates,
    texts: (shown.text ?? []).flatMap(paragraphs),
    points: textsIn(shown.points),
    tags,
    has_tags: tags.length > 0,
  };
}

const job = (entry: Entry) =>
  entryOf({
    title: entry.position ?? entry.name,
    subtitle: [entry.position === undefined ? '' : entry.name, entry.location],
    url: entry.url,
    from: entry.startDate,
    to: entry.endDate,
    ongoing: true,
    text: [entry.description, entry.summary],
    points: entry.highlights,
  });

const project = (entry: Entry) =>
  entryOf({
    title: entry.name,
    subtitle: [textsIn(entry.roles).join(', '), entry.entity],
    url: entry.url,
    from: entry.startDate,
    to: entry.endDate,
    ongoing: true,
    text: [entry.description],
    points: entry.highlights,
    tags: entry.keywords,
  });

const school = (entry: Entry) =>
  entryOf({
    title: [entry.studyType, entry.area].map(textOf).filter(Boolean).join(', ') || entry.institution,
    subtitle: [(entry.studyType ?? entry.area) ? entry.institution : '', entry.score],
    url: entry.url,
    from: entry.startDate,
    to: entry.endDate,
    text: [entry.summary],
    points: entry.courses,
  });

const publication = (entry: Entry) =>
  entryOf({
    title: entry.name,
    subtitle: [entry.publisher],
    url: entry.url,
    to: entry.releaseDate,
    text: [entry.summary],
  });

const certificate = (entry: Entry) =>
  entryOf({ title: entry.name, subtitle: [entry.issuer], url: entry.url, to: entry.date });

const award = (entry: Entry) =>
  entryOf({ title: entry.title, subtitle: [entry.awarder], to: entry.date, text: [entry.summary] });

const reference = (entry: Entry) => entryOf({ title: entry.name, text: [entry.reference] });

function aside(heading: string, entries: readonly Entry[], detailName: string, name = 'name') {
  const items = entries
    .map((entry) => ({
      name: textOf(entry[name]),
      detail: textOf(entry[detailName]),
      keywords: textsIn(entry.keywords).join(', '),
    }))
    .filter((item) => item.name !== '' || item.keywords !== '');
  return { heading, items };
}

function contactsOf(basics: Entry) {
  const location = recordOf(basics.location);
  const place = ['city', 'region', 'countryCode'].map((part) => textOf(location[part])).filter(Boolean);
  const email = textOf(basics.email);
  const phone = textOf(basics.phone);
  const digits = phone.replaceAll(/[^+0-9]/g, '');
  const profiles = listOf(basics.profiles).map((profile) => ({
    text: [profile.network, profile.username].map(textOf).filter(Boolean).join(': ') || textOf(profile.url),
    href: webAddress(profile.url),
  }));
  return [
    { text: place.join(', '), href: '' },
    { text: email, href: email === '' ? '' : `mailto:${encodeURIComponent(email)}` },
    { text: phone, href: digits === '' ? '' : `tel:${digits}` },
    { text: textOf(basics.url).replace(/^https?:\/\/|\/$/g, ''), href: webAddress(basics.url) },
    ...profiles,
  ].filter(({ text }) => text !== '');
}

/** An http or https URL; empty for any other scheme, such as `javascript:`. */
function webAddress(value: unknown): string {
  const text = textOf(value);
  if (!URL.canParse(text)) return '';
  const url = new URL(text);
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : '';
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function period(from: string, to: string, ongoing: boolean): string {
  const end = to === '' && from !== '' && ongoing ? 'present' : monthOf(to);
  return [monthOf(from), end].filter(Boolean).join(' – ');
}

/** `2021-04-01` and `2021-04` as `Apr 2021`. */
function monthOf(date: string): string {
  const [year = '', month = ''] = date.split('-');
  return [MONTHS[Number(month) - 1] ?? '', year].filter(Boolean).join(' ');
}

const paragraphs = (value: unknown): string[] =>
  textOf(value)
    .split(/\n\s*\n/)
    .filter((text) => text.trim() !== '');

/** A field that is not in the schema may have any type. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');

const textsIn = (value: unknown): string[] => (Array.isArray(value) ? value.map(textOf).filter(Boolean) : []);

const isRecord = (value: unknown): value is Entry =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const recordOf = (value: unknown): Entry => (isRecord(value) ? value : {});

const listOf = (value: unknown): Entry[] => (Array.isArray(value) ? value.filter(isRecord) : []);
