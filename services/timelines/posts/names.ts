import { entitiesOf } from '#kit/text/entities';

const MAX_MENTIONS = 50;
const MAX_HASHTAGS = 30;

/** The distinct usernames and hashtags of a text, in their canonical forms. */
export function namesIn(text: string): { usernames: string[]; hashtags: string[] } {
  const entities = entitiesOf(text);
  const distinct = (kind: 'mention' | 'hashtag') => [
    ...new Set(entities.filter((entity) => entity.kind === kind).map(({ value }) => value)),
  ];
  return {
    usernames: distinct('mention').slice(0, MAX_MENTIONS),
    hashtags: distinct('hashtag').slice(0, MAX_HASHTAGS),
  };
}
