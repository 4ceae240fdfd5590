import { isTimeOrderedId, isUuid } from '../../core/ids';

/**
 * What a part of a list's sort key may be: whether a text could be one. A cursor holds the key of a row, so anything else
 * in it was not made by this list.
 */
export type KeyPart = (text: string) => boolean;

/** A UUID in lower case. */
export const uuidKey: KeyPart = isUuid;

/** An id of `createIdGenerator`. */
export const timeOrderedKey: KeyPart = isTimeOrderedId;

/** A count, a sequence number or a Unix time: a decimal integer from 0 that is exact as a JavaScript number. */
export const integerKey: KeyPart = (text) =>
  /^(?:0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text));

/** One of a few words. */
export const wordKey =
  (...words: readonly string[]): KeyPart =>
  (text) =>
    words.includes(text);

/**
 * A name that is the sort key itself, in the form in which it is stored.
 *
 * @param pattern of the whole name
 */
export const nameKey =
  (pattern: RegExp): KeyPart =>
  (text) =>
    text.isWellFormed() && pattern.test(text);
