import { ValidationFailed } from '#kit/errors/problem';
import type { NewPost } from '../model';
import { countCharacters, hasUnprintable, isBlank, normalizeText } from './text';

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
  const isOptional = input.repost_of !== undefined || (input.media_ids ?? []).length > 0;
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
  return countCharacters(text) > rules.maxLength ? `Expected at most ${rules.maxLength} characters` : null;
}
