export const TYPES = [
  'like',
  'reply',
  'mention',
  'repost',
  'follow',
  'payment',
  'like-withdrawn',
  'poll-ended',
  'follow-request',
  'follow-accepted',
] as const;
export type NotificationType = (typeof TYPES)[number];

/** `app` is in the app only, `mail` in the app and by mail. */
export const DELIVERIES = ['app', 'mail', 'off'] as const;
export type Delivery = (typeof DELIVERIES)[number];

export type Settings = Record<NotificationType, Delivery>;

export const DEFAULT_SETTINGS: Settings = {
  like: 'mail',
  reply: 'app',
  mention: 'app',
  repost: 'app',
  follow: 'app',
  payment: 'mail',
  'like-withdrawn': 'app',
  'poll-ended': 'app',
  'follow-request': 'app',
  'follow-accepted': 'app',
};

/** Objects that end, and the types of notifications that end with them. */
export const ENDING_TYPES = {
  post: ['like', 'reply', 'mention', 'repost'],
  'follow-request': ['follow-request'],
} as const satisfies Record<string, readonly NotificationType[]>;
export type EndingObject = keyof typeof ENDING_TYPES;
export const ENDING_OBJECTS = ['post', 'follow-request'] as const satisfies readonly EndingObject[];

/** @returns undefined for a type whose notifications stay */
export const endingObjectOf = (type: NotificationType): EndingObject | undefined =>
  ENDING_OBJECTS.find((kind) => (ENDING_TYPES[kind] as readonly NotificationType[]).includes(type));

/** Likes have a digest mail of their own; all other types share one. */
export const isMailedInDigest = (type: NotificationType, delivery: Delivery): boolean =>
  delivery === 'mail' && type !== 'like';

/** Maximum number of actors shown with a notification; the others are counted. */
export const MAX_NAMED_ACTORS = 3;

const ACTIONS: Readonly<
  Record<Exclude<NotificationType, 'payment' | 'like-withdrawn' | 'poll-ended'>, string>
> = {
  like: 'liked your post',
  reply: 'replied to your post',
  mention: 'mentioned you',
  repost: 'reposted your post',
  follow: 'followed you',
  'follow-request': 'wants to follow you',
  'follow-accepted': 'accepted your follow request',
};

const PAYMENT_STATES: ReadonlyMap<string, string> = new Map([
  ['succeeded', 'Your payment was received'],
  ['failed', 'Your payment has failed'],
  ['refunded', 'Your payment was refunded'],
]);

/**
 * The text of a notification, like "alice and 7 others liked your post".
 *
 * @param names of the latest actors, newest first; actors without a replica are missing
 * @param count of all actors
 */
export function sentenceOf(
  type: NotificationType,
  { names, count, reason }: { names: readonly string[]; count: number; reason: string },
): string {
  if (type === 'payment') return PAYMENT_STATES.get(reason) ?? 'Your payment was updated';
  if (type === 'like-withdrawn') return 'A post you liked does not exist: your like was removed';
  if (type === 'poll-ended') return pollSentence(names, reason);
  const action = type === 'repost' && reason === 'quote' ? 'quoted your post' : ACTIONS[type];
  return `${actorsOf(names, count)} ${action}`;
}

/** For voters the author is named, unless their account was deleted. */
function pollSentence([author]: readonly string[], reason: string): string {
  if (reason === 'asked') return 'Your poll has ended';
  return author === undefined ? 'A poll you voted in has ended' : `The poll of ${author} has ended`;
}

function actorsOf([first, second]: readonly string[], count: number): string {
  if (first === undefined) return count === 1 ? 'Someone' : `${format.format(count)} people`;
  if (count === 1) return first;
  if (count === 2) return `${first} and ${second ?? 'someone else'}`;
  return `${first} and ${format.format(count - 1)} others`;
}

const format = new Intl.NumberFormat('en');
