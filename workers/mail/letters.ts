import type { InvoicePaid } from '#contracts/events/billing';
import type { MailContent, MailRequested } from '#contracts/events/mail';
import type { MessageOf } from '#contracts/messages';

/** What is told, in the words of the mail; the template gives it its looks. */
export interface Letter {
  readonly template: 'invoice-paid' | MailContent['template'];
  /** `transactional` is sent always; people may unsubscribe from the others. */
  readonly category: 'transactional' | 'likes' | 'notifications';
  /** What the template's placeholders are filled with, besides the recipient's `name`. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Makes the letter of a message. Its texts are English, and so are its numbers and dates. */
export function letterOf(message: MessageOf<typeof InvoicePaid | typeof MailRequested>): Letter {
  return message.name === 'invoice.paid' ? invoicePaid(message.data) : requested(message.data.content);
}

function invoicePaid(invoice: MessageOf<typeof InvoicePaid>['data']): Letter {
  return {
    template: 'invoice-paid',
    category: 'transactional',
    values: {
      number: invoice.number,
      total: money(invoice.amount, invoice.currency),
      paid_on: day(invoice.paid_at),
      lines: invoice.lines.map((line) => ({
        description: line.description,
        amount: money(line.amount, invoice.currency),
      })),
      reason: 'You get this because you paid an invoice at Rookery.',
    },
  };
}

function requested(content: MailContent): Letter {
  if (content.template === 'password-reset') return passwordReset(content.values);
  if (content.template === 'likes-digest') return likesDigest(content.values);
  return notification(content.values);
}

type ValuesOf<Template> = Extract<MailContent, { template: Template }>['values'];

const passwordReset = ({ link, expires_at }: ValuesOf<'password-reset'>): Letter => ({
  template: 'password-reset',
  category: 'transactional',
  values: {
    link,
    expires_at: `${day(expires_at)}, ${expires_at.slice(11, 16)} UTC`,
    reason: 'You get this because somebody entered your address at Rookery.',
  },
});

function likesDigest({ posts }: ValuesOf<'likes-digest'>): Letter {
  const likes = posts.reduce((sum, post) => sum + post.likers.length + post.others_count, 0);
  const [first] = posts;
  const summary =
    posts.length === 1 && first !== undefined
      ? `${peopleOf(first)} liked your post`
      : `${inWords.format(likes)} likes on ${posts.length} of your posts`;
  return {
    template: 'likes-digest',
    category: 'likes',
    values: {
      summary,
      preview: excerptOf(first?.excerpt ?? ''),
      posts: posts.map((post) => ({
        who: peopleOf(post),
        excerpt: linesOf(post.excerpt),
        link: post.link,
      })),
      reason: 'You get this because people liked what you posted at Rookery.',
    },
  };
}

const notification = ({ title, text, action }: ValuesOf<'notification'>): Letter => ({
  template: 'notification',
  category: 'notifications',
  values: {
    title,
    preview: excerptOf(text),
    text: linesOf(text),
    action: action ?? null,
    reason: 'You get this because you have an account at Rookery.',
  },
});

const inWords = new Intl.NumberFormat('en');
const enumerate = new Intl.ListFormat('en-GB', { type: 'conjunction' });

/** "alice", "alice and bob", "alice, bob and 7 others" */
export function peopleOf(post: { likers: readonly string[]; others_count: number }): string {
  const { likers, others_count } = post;
  const others =
    others_count === 0 ? [] : [others_count === 1 ? '1 other' : `${inWords.format(others_count)} others`];
  return enumerate.format([...likers, ...others]);
}

/** Exact for amounts beyond what a JavaScript number holds: the formatter reads decimal strings. */
function money(amount: string, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.format(amount as Intl.StringNumericLiteral);
}

const dayFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const day = (timestamp: string): string => dayFormat.format(new Date(timestamp));

const linesOf = (text: string): string[] => text.split(/\r\n|[\r\n\u2028\u2029]/);

/** What mail programs show beside the subject; the first characters are enough for all of them. */
const PREVIEW_LENGTH = 120;
const excerptOf = (text: string): string => [...linesOf(text).join(' ')].slice(0, PREVIEW_LENGTH).join('');
