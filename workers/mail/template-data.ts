import type { InvoicePaid } from '#contracts/events/billing';
import type { MailContent, MailRequested } from '#contracts/events/mail';
import type { MessageOf } from '#contracts/messages';
import { truncate } from '#kit/text/graphemes';

/** The content of a mail, to be rendered by its template. */
export interface TemplateData {
  readonly template: 'invoice-paid' | MailContent['template'];
  /** `transactional` is always sent; recipients may unsubscribe from the others. */
  readonly category: 'transactional' | 'likes' | 'notifications';
  /** Somebody at the address has just asked for it, as for a link: sent even if earlier mails bounced. */
  readonly isAskedFor?: boolean;
  /** The values of the template's placeholders, besides the recipient's `name`. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** The template data of a message. Texts, numbers and dates are in English. */
export function templateDataOf(message: MessageOf<typeof InvoicePaid | typeof MailRequested>): TemplateData {
  return message.name === 'invoice.paid' ? invoicePaid(message.data) : requested(message.data.content);
}

function invoicePaid(invoice: MessageOf<typeof InvoicePaid>['data']): TemplateData {
  return {
    template: 'invoice-paid',
    category: 'transactional',
    values: {
      number: invoice.number,
      total: formatMoney(invoice.amount, invoice.currency),
      paid_on: formatDate(invoice.paid_at),
      lines: invoice.lines.map((line) => ({
        description: line.description,
        amount: formatMoney(line.amount, invoice.currency),
      })),
      reason: 'You receive this mail because you paid an invoice on Rookery.',
    },
  };
}

function requested(content: MailContent): TemplateData {
  if (content.template === 'password-reset') return passwordReset(content.values);
  if (content.template === 'likes-digest') return likesDigest(content.values);
  return notification(content.values);
}

type ValuesOf<Template> = Extract<MailContent, { template: Template }>['values'];

const passwordReset = ({ link, expires_at }: ValuesOf<'password-reset'>): TemplateData => ({
  template: 'password-reset',
  category: 'transactional',
  isAskedFor: true,
  values: {
    link,
    expires_at: `${formatDate(expires_at)}, ${expires_at.slice(11, 16)} UTC`,
    reason: 'You receive this mail because someone entered your address on Rookery.',
  },
});

function likesDigest({ posts }: ValuesOf<'likes-digest'>): TemplateData {
  const likes = posts.reduce((sum, post) => sum + post.likers.length + post.others_count, 0);
  const [first] = posts;
  const summary =
    posts.length === 1 && first !== undefined
      ? `${formatLikers(first)} liked your post`
      : `${countFormat.format(likes)} likes on ${posts.length} of your posts`;
  return {
    template: 'likes-digest',
    category: 'likes',
    values: {
      summary,
      preview: excerptOf(first?.excerpt ?? ''),
      posts: posts.map((post) => ({
        who: formatLikers(post),
        excerpt: linesOf(post.excerpt),
        link: post.link,
      })),
      reason: 'You receive this mail because people liked your posts on Rookery.',
    },
  };
}

const notification = ({ title, text, action }: ValuesOf<'notification'>): TemplateData => ({
  template: 'notification',
  category: 'notifications',
  values: {
    title,
    preview: excerptOf(text),
    text: linesOf(text),
    action: action ?? null,
    reason: 'You receive this mail because you have an account on Rookery.',
  },
});

const countFormat = new Intl.NumberFormat('en');
const listFormat = new Intl.ListFormat('en-GB', { type: 'conjunction' });

/** "alice", "alice and bob", "alice, bob and 7 others" */
export function formatLikers(post: { likers: readonly string[]; others_count: number }): string {
  const { likers, others_count } = post;
  const others =
    others_count === 0 ? [] : [others_count === 1 ? '1 other' : `${countFormat.format(others_count)} others`];
  return listFormat.format([...likers, ...others]);
}

/** Exact also beyond `Number.MAX_SAFE_INTEGER`: the formatter accepts decimal strings. */
function formatMoney(amount: string, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.format(amount as Intl.StringNumericLiteral);
}

const dateFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const formatDate = (timestamp: string): string => dateFormat.format(new Date(timestamp));

const linesOf = (text: string): string[] => text.split(/\r\n|[\r\n\u2028\u2029]/);

/** The preview text beside the subject, of which mail clients show the first characters. */
const PREVIEW_LENGTH = 120;
const excerptOf = (text: string): string => truncate(linesOf(text).join(' '), PREVIEW_LENGTH);
