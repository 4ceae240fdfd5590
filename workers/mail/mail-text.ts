import { truncate } from '#kit/text/graphemes';
import { toLine } from '#kit/text/visible';

declare const KIND: unique symbol;

/**
 * Words of ours, which may stand anywhere: also in subjects, previews and headings. Made from literal text, numbers and
 * other own text by `own`, and from what has a harmless alphabet.
 */
export type OwnText = string & { readonly [KIND]: 'own' };

/** Words of strangers, or of whoever registered an address, made harmless. For the body only. */
export type StrangerText = string & { readonly [KIND]: 'stranger' };

/** The target of a link that a service of ours has made. */
export type MailLink = string & { readonly [KIND]: 'link' };

/** What a template may show. Plain strings do not compile: each says whose words it holds. */
export type MailValue =
  | OwnText
  | StrangerText
  | MailLink
  | null
  | readonly MailValue[]
  | { readonly [name: string]: MailValue };

/** A text of ours: literal words with numbers and own texts between them. */
export const own = (words: TemplateStringsArray, ...values: readonly (OwnText | number)[]): OwnText =>
  String.raw({ raw: words }, ...values.map(String)) as OwnText;

const USERNAME = /^[A-Za-z0-9_]{1,30}$/;

/**
 * A username, whose alphabet has no dot, so that no mail client takes it for an address; “someone” for anything else, such as
 * display names in messages of older publishers.
 */
export const username = (name: string): OwnText => (USERNAME.test(name) ? name : 'someone') as OwnText;

/** The number of an invoice, which billing assigns; without an alphabet of its own it is left out. */
export const invoiceNumber = (number: string): OwnText =>
  (/^[A-Za-z0-9-]{1,40}$/.test(number) ? number : '') as OwnText;

/** @param value exact also beyond `Number.MAX_SAFE_INTEGER`: decimal strings are accepted, and other text is “NaN” */
export const ownNumber = (format: Intl.NumberFormat, value: number | string): OwnText =>
  format.format(value as Intl.StringNumericLiteral) as OwnText;

export const ownDate = (format: Intl.DateTimeFormat, value: Date): OwnText => format.format(value) as OwnText;

/** The conjunction of own texts, like "alice, bob and 7 others". */
export const ownList = (format: Intl.ListFormat, items: readonly OwnText[]): OwnText =>
  format.format(items) as OwnText;

/** @param url of a message, whose contract allows HTTP only */
export const link = (url: string): MailLink => url as MailLink;

/** Most code units of a grapheme of any language; more are decoration. */
const MAX_UNITS_PER_GRAPHEME = 16;
/** Direction controls and marks, and what renderers ignore, but the joiners and selectors of emoji and of scripts. */
const INVISIBLE = /(?!\u200c|\u200d|\ufe0e|\ufe0f)[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/gu;
/**
 * Full stops, colons and at signs that something follows, closing punctuation aside. Also what browsers take for a full stop
 * in a host name (UTS #46), or compatibility normalization makes one of these.
 */
const JOINED =
  /[.\u2024-\u2026\u3002\ufe12\ufe19\ufe30\ufe52\uff0e\uff61\u2488-\u249b:\u2a74\ufe13\ufe55\uff1a@\ufe6b\uff20](?![\s.,;!?)\]}'"»”’]|$)/gu;
/** The first of two slashes, or of what looks like one. */
const SLASHES = /[/\\\u2044\u2215\ufe68\uff0f\uff3c](?=[/\\\u2044\u2215\ufe68\uff0f\uff3c])/gu;

/**
 * One line of a stranger's words for the body of a mail. Mail clients turn whatever looks like an address into a link, so a
 * space follows every dot, colon and at sign that could join the parts of one: `https: / /evil. example`. Visible, as
 * many clients and spam filters drop invisible separators. Numbers like 3.50 and 10:30 stay. No direction controls, no
 * invisible characters, and at most `maxGraphemes`, the ellipsis included. Escaping is left to the template.
 */
export function strangerLine(text: string, maxGraphemes: number): StrangerText {
  const line = toLine(text.toWellFormed()).replace(INVISIBLE, '');
  const short = truncate(line, maxGraphemes, maxGraphemes * MAX_UNITS_PER_GRAPHEME);
  const separated = short.replace(JOINED, (separator, offset: number) =>
    isInNumber(short, offset) ? separator : `${separator} `,
  );
  return separated.replace(SLASHES, '$& ') as StrangerText;
}

/** The lines of a stranger's text, at most `max.lines`. */
export const strangerLines = (
  text: string,
  max: { graphemes: number; lines: number },
): readonly StrangerText[] =>
  text.split(/\r\n|[\r\n\u2028\u2029]/, max.lines).map((line) => strangerLine(line, max.graphemes));

const isDigit = (character: string | undefined): boolean =>
  character !== undefined && character >= '0' && character <= '9';

/** Whether a dot or colon stands between two digits, and is the only one in its number: an IP address has more. */
function isInNumber(text: string, at: number): boolean {
  const separator = text[at];
  if (separator !== '.' && separator !== ':') return false;
  if (!isDigit(text[at - 1]) || !isDigit(text[at + 1])) return false;
  let start = at - 1;
  while (isDigit(text[start - 1])) start--;
  let end = at + 1;
  while (isDigit(text[end + 1])) end++;
  return isNumberEdge(text[start - 1]) && isNumberEdge(text[end + 1]);
}

const isNumberEdge = (character: string | undefined): boolean =>
  character === undefined || /[\s\p{Sc}()"'!?,;%]/u.test(character);
