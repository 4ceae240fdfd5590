import { createHash } from 'node:crypto';
import { type Answer, field, type Person, readAll, textField } from '../api';

export interface NewPost {
  readonly text: string;
  readonly reply_to?: string;
  readonly poll_id?: string;
}

/** A post as others see it. */
export interface PublishedPost {
  readonly id: string;
  readonly text: string;
  readonly poll_id: string | null;
}

/** A person's posts by their text, so that existing ones are not published again. */
export async function postsOf(person: Person): Promise<Map<string, PublishedPost>> {
  const posts = (await readAll(person, `/posts/${person.username}`)).map(readPost);
  return new Map(posts.map((post) => [post.text, post]));
}

/** Idempotent for a day: the Idempotency-Key is derived from the author and the text. */
export async function publish(person: Person, post: NewPost): Promise<PublishedPost> {
  const key = createHash('sha256').update(`${person.username}\n${post.text}`).digest('hex');
  const answer: Answer = await person.call('POST', '/posts', {
    body: post,
    headers: { 'idempotency-key': key },
  });
  return readPost(answer.body);
}

function readPost(body: unknown): PublishedPost {
  const pollId = field(body, 'poll_id');
  return {
    id: textField(body, 'id'),
    text: textField(body, 'text'),
    poll_id: typeof pollId === 'string' ? pollId : null,
  };
}
