import { shownWebUrl } from '#kit/text/web-url';
import type { PersonRow } from './store';

/** A person as the posts show them. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly isErased: boolean;
  /** `author` of a post. */
  readonly json: string;
}

export const personOf = (
  row: Pick<PersonRow, 'id' | 'username' | 'displayName' | 'avatarUrl' | 'deleted'>,
): Person => ({
  id: row.id,
  username: row.username,
  isErased: row.deleted,
  json: JSON.stringify({
    id: row.id,
    username: row.username,
    display_name: row.displayName,
    avatar_url: shownWebUrl(row.avatarUrl),
  }),
});
