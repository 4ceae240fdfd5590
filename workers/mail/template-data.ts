import type { InvoicePaid } from '#contracts/events/billing';
import type {
  FactorChange,
  IdentityChange,
  MailCategory,
  MailContent,
  MailRequested,
} from '#contracts/events/mail';
import type { MessageOf } from '#contracts/messages';
import {
  invoiceNumber,
  link,
  type MailValue,
  type OwnText,
  own,
  ownDate,
  ownList,
  ownNumber,
  strangerLine,
  strangerLines,
  username,
} from './mail-text';

/** The content of a mail, to be rendered by its template. Its types say whose words stand where. */
export interface TemplateData {
  readonly template: 'invoice-paid' | MailContent['template'];
  readonly category: MailCategory;
  /** Somebody at the address has just asked for it, as for a link: sent even if earlier mails bounced. */
  readonly isAskedFor?: boolean;
  /** The subject and the first heading. */
  readonly headline: OwnText;
  /** What mail clients show beside the subject. */
  readonly preview: OwnText;
  /** The values of the template's other placeholders. */
  readonly values: Readonly<Record<string, MailValue>>;
}

/** The template data of a message. Texts, numbers and dates are in English. */
export function templateDataOf(message: MessageOf<typeof InvoicePaid | typeof MailRequested>): TemplateData {
  return message.name === 'invoice.paid' ? invoicePaid(message.data) : requested(message.data.content);
}

/** Product names and the like, which merchants choose. */
const MAX_DESCRIPTION_GRAPHEMES = 300;

function invoicePaid(invoice: MessageOf<typeof InvoicePaid>['data']): TemplateData {
  const number = invoiceNumber(invoice.number);
  const total = formatMoney(invoice.amount, invoice.currency);
  return {
    template: 'invoice-paid',
    category: 'transactional',
    headline: own`Invoice ${number} is paid`,
    preview: own`We received your payment of ${total}. Thank you.`,
    values: {
      number,
      total,
      paid_on: formatDate(invoice.paid_at),
      lines: invoice.lines.map((line) => ({
        description: strangerLine(line.description, MAX_DESCRIPTION_GRAPHEMES),
        amount: formatMoney(line.amount, invoice.currency),
      })),
      reason: own`You receive this mail because you paid an invoice on Rookery.`,
    },
  };
}

type ValuesOf<Template> = Extract<MailContent, { template: Template }>['values'];

function requested(content: MailContent): TemplateData {
  switch (content.template) {
    case 'password-reset':
      return passwordReset(content.values);
    case 'email-verification':
      return emailVerification(content.values);
    case 'address-changed':
      return addressChanged(content.values);
    case 'second-factors-changed':
      return secondFactorsChanged(content.values);
    case 'identities-changed':
      return identitiesChanged(content.values);
    case 'likes-digest':
      return likesDigest(content.values);
    case 'notification':
      return notification(content.values);
  }
}

const ENTERED = own`You receive this mail because someone entered your address on Rookery.`;

const passwordReset = (values: ValuesOf<'password-reset'>): TemplateData => ({
  template: 'password-reset',
  category: 'security',
  isAskedFor: true,
  headline: own`Reset your password`,
  preview: own`The link expires on ${formatMoment(values.expires_at)}.`,
  values: { link: link(values.link), expires_at: formatMoment(values.expires_at), reason: ENTERED },
});

const emailVerification = (values: ValuesOf<'email-verification'>): TemplateData => ({
  template: 'email-verification',
  category: 'verification',
  isAskedFor: true,
  headline: own`Confirm your email address`,
  preview: own`The link expires on ${formatMoment(values.expires_at)}.`,
  values: { link: link(values.link), expires_at: formatMoment(values.expires_at), reason: ENTERED },
});

const addressChanged = ({ changed_at }: ValuesOf<'address-changed'>): TemplateData => ({
  template: 'address-changed',
  category: 'security',
  headline: own`Your email address was changed`,
  preview: own`Your account on Rookery got another email address.`,
  values: {
    changed_at: formatMoment(changed_at),
    reason: own`You receive this mail because this was the address of an account on Rookery.`,
  },
});

/** The headline, and the sentence that says what it means. */
const FACTOR_CHANGES: Readonly<Record<FactorChange, readonly [headline: OwnText, meaning: OwnText]>> = {
  'app-added': [
    own`An authenticator app was added`,
    own`From now on signing in with your password takes a code of the app as well.`,
  ],
  'app-removed': [own`Your authenticator app was removed`, own`Its codes are not accepted any more.`],
  'passkey-added': [
    own`A passkey was added`,
    own`It signs in to your account, and confirms signing in with your password.`,
  ],
  'passkey-removed': [own`A passkey was removed`, own`It does not sign in to your account any more.`],
  'recovery-codes-replaced': [
    own`Your recovery codes were replaced`,
    own`The codes of before are not accepted any more.`,
  ],
  'recovery-code-used': [
    own`A recovery code was used`,
    own`Somebody has signed in to your account with it. It is not accepted a second time.`,
  ],
  'removed-by-operator': [
    own`Your second factors were removed`,
    own`Those who run this Rookery have removed them. Your password alone signs in until you add new ones.`,
  ],
};

function secondFactorsChanged(values: ValuesOf<'second-factors-changed'>): TemplateData {
  const [headline, meaning] = FACTOR_CHANGES[values.change];
  return {
    template: 'second-factors-changed',
    category: 'security',
    headline,
    preview: meaning,
    values: {
      meaning,
      changed_at: formatMoment(values.changed_at),
      reason: own`You receive this mail because you have an account on Rookery.`,
    },
  };
}

const IDENTITY_CHANGES: Readonly<Record<IdentityChange, readonly [headline: OwnText, meaning: OwnText]>> = {
  linked: [
    own`A way to sign in was added`,
    own`An account at another provider was linked: whoever signs in there can sign in to your account here.`,
  ],
  unlinked: [
    own`A way to sign in was removed`,
    own`The link to an account at another provider was removed: it does not sign in to your account any more.`,
  ],
};

const MAX_PROVIDER_GRAPHEMES = 60;

function identitiesChanged(values: ValuesOf<'identities-changed'>): TemplateData {
  const [headline, meaning] = IDENTITY_CHANGES[values.change];
  return {
    template: 'identities-changed',
    category: 'security',
    headline,
    preview: meaning,
    values: {
      meaning,
      provider: strangerLine(values.provider, MAX_PROVIDER_GRAPHEMES),
      changed_at: formatMoment(values.changed_at),
      reason: own`You receive this mail because you have an account on Rookery.`,
    },
  };
}

/** Excerpts of posts have no more. */
const EXCERPT = { graphemes: 500, lines: 20 };

function likesDigest({ posts }: ValuesOf<'likes-digest'>): TemplateData {
  const likes = posts.reduce((sum, post) => sum + post.likers.length + post.others_count, 0);
  const [first] = posts;
  return {
    template: 'likes-digest',
    category: 'likes',
    headline:
      posts.length === 1 && first !== undefined
        ? own`${formatLikers(first)} liked your post`
        : own`${formatCount(likes)} likes on ${posts.length} of your posts`,
    preview: own`See who liked what you wrote.`,
    values: {
      posts: posts.map((post) => ({
        who: formatLikers(post),
        excerpt: strangerLines(post.excerpt, EXCERPT),
        link: link(post.link),
      })),
      reason: own`You receive this mail because people liked your posts on Rookery.`,
    },
  };
}

const MAX_TITLE_GRAPHEMES = 150;
const MAX_LABEL_GRAPHEMES = 60;
const NOTIFICATION = { graphemes: 500, lines: 40 };

const notification = (values: ValuesOf<'notification'>): TemplateData => ({
  template: 'notification',
  category: 'notifications',
  headline: newNotifications(values.notifications_count ?? 1),
  preview: own`See what is new on Rookery.`,
  values: {
    title: strangerLine(values.title, MAX_TITLE_GRAPHEMES),
    text: strangerLines(values.text, NOTIFICATION),
    action: values.action
      ? { label: strangerLine(values.action.label, MAX_LABEL_GRAPHEMES), link: link(values.action.link) }
      : null,
    reason: own`You receive this mail because you have an account on Rookery.`,
  },
});

const newNotifications = (count: number): OwnText =>
  count === 1 ? own`New notification` : own`${formatCount(count)} new notifications`;

const countFormat = new Intl.NumberFormat('en');
const formatCount = (count: number): OwnText => ownNumber(countFormat, count);
const listFormat = new Intl.ListFormat('en-GB', { type: 'conjunction' });

/** "alice", "alice and bob", "alice, bob and 7 others" */
export function formatLikers(post: { likers: readonly string[]; others_count: number }): OwnText {
  const { likers, others_count } = post;
  const others =
    others_count === 0 ? [] : [others_count === 1 ? own`1 other` : own`${formatCount(others_count)} others`];
  return ownList(listFormat, [...likers.map(username), ...others]);
}

const formatMoney = (amount: string, currency: string): OwnText =>
  ownNumber(new Intl.NumberFormat('en', { style: 'currency', currency }), amount);

const dateFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const formatDate = (timestamp: string): OwnText => ownDate(dateFormat, new Date(timestamp));

const momentFormat = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'long',
  timeStyle: 'short',
  timeZone: 'UTC',
});
const formatMoment = (timestamp: string): OwnText => own`${ownDate(momentFormat, new Date(timestamp))} UTC`;
