import { compile } from 'html-to-text';
import Mustache from 'mustache';
import type { Letter } from './letters';
import invoicePaid from './templates/invoice-paid.html.mustache' with { type: 'text' };
import likesDigest from './templates/likes-digest.html.mustache' with { type: 'text' };
import notification from './templates/notification.html.mustache' with { type: 'text' };
import passwordReset from './templates/password-reset.html.mustache' with { type: 'text' };

/** Made from the `.mjml` files by `scripts/build-mail-templates.ts`. */
const HTML: Readonly<Record<Letter['template'], string>> = {
  'invoice-paid': invoicePaid,
  'likes-digest': likesDigest,
  notification,
  'password-reset': passwordReset,
};

/** Mail programs show less; RFC 5322 would allow about a thousand. */
const SUBJECT_LENGTH = 200;

/** The template's title, filled; one line without anything a header must not hold. */
export function subjectOf(letter: Letter, name: string): string {
  const title = /<title>([^<]*)<\/title>/.exec(HTML[letter.template])?.[1];
  if (title === undefined) throw new Error(`The template ${letter.template} has no title`);
  const subject = Mustache.render(title, { ...letter.values, name }, undefined, { escape: String });
  return [...onOneLine(subject)].slice(0, SUBJECT_LENGTH).join('');
}

/** HTML with every value escaped, and the same as text. */
export function bodyOf(
  letter: Letter,
  recipient: { name: string; unsubscribeUrl?: string | undefined },
): { html: string; text: string } {
  const html = Mustache.render(HTML[letter.template], {
    ...letter.values,
    name: recipient.name,
    unsubscribe_url: recipient.unsubscribeUrl ?? null,
  });
  return { html, text: `${toText(html).trim()}\n` };
}

/** Control characters and those that turn the direction of reading become blanks, so that a name cannot feign more than itself. */
export const onOneLine = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();

const TEXT_WIDTH = 76;

const toText = compile({
  wordwrap: TEXT_WIDTH,
  selectors: [
    // The preview stands in the HTML for lists of mails only.
    { selector: 'div[style*="display:none"]', format: 'skip' },
    { selector: '.lines > table', format: 'dataTable', options: { uppercaseHeaderCells: false } },
    { selector: '.quote', format: 'blockquote' },
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true } },
  ],
});
