import { type Client, signIn } from '../support/client';
import type { Acknowledged } from './activity';

/** What was acknowledged, and is not there. */
export async function findMissing(url: string, acknowledged: readonly Acknowledged[]): Promise<string[]> {
  const missing: string[] = [];
  for (const [username, own] of Map.groupBy(acknowledged, (one) => one.username)) {
    const person = await signIn(url, username);
    const posts = await listAll(person, `/posts/${username}`);
    if (new Set(posts).size !== posts.length) missing.push(`posts of ${username} exist twice`);
    for (const { kind, id } of own)
      if (!(await exists(person, kind, { id, posts }))) missing.push(`${kind} ${id} of ${username}`);
  }
  return missing;
}

async function exists(
  person: Client,
  kind: Acknowledged['kind'],
  { id, posts }: { id: string; posts: readonly string[] },
): Promise<boolean> {
  switch (kind) {
    case 'person':
      return (await person.get(`/users/${id}`)).status === 200;
    case 'post':
    case 'accepted post':
      return posts.includes(id);
    case 'like':
      return (await person.get(`/likes/${id}/count`)).body.liked_by_me === true;
    case 'vote':
      return (await person.get(`/polls/${id}/results`)).body.voters_count === 1;
    case 'payment':
      return (await person.get(`/payments/${id}`)).body.status === 'succeeded';
    case 'file': {
      const { status, body } = await person.get(`/files/${id}/content`);
      return status === 200 && String(body.text).startsWith('%PDF');
    }
  }
}

/** The ids of all pages of a list. */
async function listAll(client: Client, path: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: unknown; cursor !== null; ) {
    const { status, body } = await client.get(
      `${path}?limit=100${cursor === undefined ? '' : `&cursor=${cursor}`}`,
    );
    if (status !== 200) throw new Error(`${path}: ${status}`);
    ids.push(...(body.items as { id: string }[]).map(({ id }) => id));
    cursor = body.next_cursor;
  }
  return ids;
}
