export const TYPES = [
  'like',
  'reply',
  'mention',
  'repost',
  'follow',
  'payment',
  'like-withdrawn',
  'poll-ended',
] as const;
export type NotificationType = (typeof TYPES)[number];

/** `mail` is the app and a mail, `app` the app alone. */
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
};

/** Likes have a digest mail of their own; all other types go together in one. */
export const goesWithOthersByMail = (type: NotificationType, delivery: Delivery): boolean =>
  delivery === 'mail' && type !== 'like';

/** So many who did it are named; the others are counted. */
export const MOST_SHOWN = 3;

const DEEDS: Readonly<
  Record<Exclude<NotificationType, 'payment' | 'like-withdrawn' | 'poll-ended'>, string>
> = {
  like: 'liked your post',
  reply: 'replied to your post',
  mention: 'mentioned you',
  repost: 'reposted your post',
  follow: 'followed you',
};

const PAYMENT_STATES: ReadonlyMap<string, string> = new Map([
  ['succeeded', 'Your payment has arrived'],
  ['failed', 'Your payment has failed'],
  ['refunded', 'Your payment has been given back'],
]);

/**
 * A notification in one sentence, like "alice and 7 others liked your post".
 *
 * @param names of those who did it, the newest first; somebody not known by name yet is left out
 * @param count of all who did it
 */
export function sentenceOf(
  type: NotificationType,
  { names, count, reason }: { names: readonly string[]; count: number; reason: string },
): string {
  if (type === 'payment') return PAYMENT_STATES.get(reason) ?? 'There is news of your payment';
  if (type === 'like-withdrawn') return 'A post you liked does not exist: the like was taken back';
  if (type === 'poll-ended') return endOfPoll(names, reason);
  return `${whoDidIt(names, count)} ${DEEDS[type]}`;
}

/** To voters the one who asked is named, unless that one has left. */
function endOfPoll([asker]: readonly string[], reason: string): string {
  if (reason === 'asked') return 'Your poll has ended';
  return asker === undefined ? 'A poll you voted in has ended' : `The poll of ${asker} has ended`;
}

function whoDidIt([first, second]: readonly string[], count: number): string {
  if (first === undefined) return count === 1 ? 'Somebody' : `${inWords.format(count)} people`;
  if (count === 1) return first;
  if (count === 2) return `${first} and ${second ?? 'somebody else'}`;
  return `${first} and ${inWords.format(count - 1)} others`;
}

const inWords = new Intl.NumberFormat('en');
