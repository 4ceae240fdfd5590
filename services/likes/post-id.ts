import { isTimeOrderedId } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';

/**
 * Rejects ids that the pattern admits and JavaScript cannot represent exactly.
 *
 * @throws ValidationFailed
 */
export function requirePostId(postId: string): void {
  if (!isTimeOrderedId(postId))
    throw new ValidationFailed({ errors: [{ field: 'post_id', message: 'Expected the id of a post' }] });
}
