import { ValidationFailed } from '#kit/errors/problem';
import { urlsOf } from '#kit/text/entities';
import { countGraphemes, hasOversizedGrapheme } from '#kit/text/graphemes';
import { normalizeText } from '#kit/text/identity';
import { hasUnprintable, isBlank } from '#kit/text/visible';
import type { NewPost } from '../model';

/** A post as its author submitted it, normalized and validated as far as that needs no lookup. */
export interface Draft {
  readonly text: string;
  readonly replyTo: string | null;
  readonly repostOf: string | null;
  readonly mediaIds: string[];
  readonly pollId: string | null;
  readonly visibility: 'public' | 'followers';
}

/**
 * @param maxLength of the text in characters (`countCharacters`)
 * @throws ValidationFailed when the text is blank, too long or not printable
 */
export function parseDraft(input: NewPost, maxLength: number): Draft {
  const text = normalizeText(input.text ?? '');
  const isOptional =
    input.repost_of !== undefined || (input.media_ids ?? []).length > 0 || input.poll_id !== undefined;
  const problem = findTextProblem(text, { maxLength, isOptional });
  if (problem !== null) throw new ValidationFailed({ errors: [{ field: 'text', message: problem }] });
  return {
    text,
    replyTo: input.reply_to ?? null,
    repostOf: input.repost_of ?? null,
    mediaIds: input.media_ids ?? [],
    pollId: input.poll_id ?? null,
    visibility: input.visibility ?? 'public',
  };
}

function findTextProblem(text: string, rules: { maxLength: number; isOptional: boolean }): string | null {
  if (hasUnprintable(text)) return 'Expected a text without control characters';
  if (isBlank(text) && !(rules.isOptional && text === '')) return 'Expected a text that is not blank';
  if (hasOversizedGrapheme(text)) return 'Expected fewer combining marks on a letter';
  return countCharacters(text) > rules.maxLength ? `Expected at most ${rules.maxLength} characters` : null;
}

/** Every URL counts as 23 characters, whatever its length. */
const URL_CHARACTERS = 23;

/** The length of a post: graphemes, and 23 for each URL. What only looks like a URL counts as text. */
export function countCharacters(text: string): number {
  let count = 0;
  let end = 0;
  for (const url of urlsOf(text)) {
    count += countGraphemes(text.slice(end, url.start)) + URL_CHARACTERS;
    end = url.end;
  }
  return count + countGraphemes(text.slice(end));
}
