import { compile } from 'html-to-text';
import Mustache from 'mustache';
import { clip } from '#kit/text/graphemes';
import type { TemplateData } from './template-data';
import addressChanged from './templates/address-changed.html.mustache' with { type: 'text' };
import emailVerification from './templates/email-verification.html.mustache' with { type: 'text' };
import identitiesChanged from './templates/identities-changed.html.mustache' with { type: 'text' };
import invoicePaid from './templates/invoice-paid.html.mustache' with { type: 'text' };
import likesDigest from './templates/likes-digest.html.mustache' with { type: 'text' };
import notification from './templates/notification.html.mustache' with { type: 'text' };
import passwordReset from './templates/password-reset.html.mustache' with { type: 'text' };
import secondFactorsChanged from './templates/second-factors-changed.html.mustache' with { type: 'text' };

/** Generated from the `.mjml` files by `scripts/build-mail-templates.ts`. */
const HTML: Readonly<Record<TemplateData['template'], string>> = {
  'address-changed': addressChanged,
  'email-verification': emailVerification,
  'identities-changed': identitiesChanged,
  'invoice-paid': invoicePaid,
  'likes-digest': likesDigest,
  notification,
  'password-reset': passwordReset,
  'second-factors-changed': secondFactorsChanged,
};

/** Mail clients show less; RFC 5322 would allow about a thousand. */
const MAX_SUBJECT_LENGTH = 200;

/** The headline as a subject: one line without control characters. */
export const renderSubject = ({ headline }: Pick<TemplateData, 'headline'>): string =>
  shorten(toSingleLine(headline), MAX_SUBJECT_LENGTH);

/** Renders the HTML, with every value escaped, and its plain text equivalent. */
export function renderBody(
  { template, headline, preview, values }: TemplateData,
  unsubscribeUrl: string | undefined,
): { html: string; text: string } {
  const html = Mustache.render(HTML[template], {
    ...values,
    headline,
    preview,
    unsubscribe_url: unsubscribeUrl ?? null,
  });
  return { html, text: `${toText(html).trim()}\n` };
}

/** Cuts between graphemes, so that the text has at most `maxUnits` UTF-16 code units, the ellipsis included. */
export const shorten = (text: string, maxUnits: number): string =>
  text.length <= maxUnits ? text : `${clip(text, maxUnits - 1, ({ length }) => length).trimEnd()}…`;

/** Replaces control and bidirectional formatting characters by spaces, which could break or disguise a header. */
export const toSingleLine = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(
      /[\p{Cc}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu,
      ' ',
    )
    .trim();

const TEXT_WIDTH = 76;

const toText = compile({
  wordwrap: TEXT_WIDTH,
  selectors: [
    // The preview text is for message lists only.
    { selector: 'div[style*="display:none"]', format: 'skip' },
    { selector: '.lines > table', format: 'dataTable', options: { uppercaseHeaderCells: false } },
    { selector: '.quote', format: 'blockquote' },
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
  ],
});
