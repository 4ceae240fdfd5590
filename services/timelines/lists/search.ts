const MAX_WORDS = 10;
/** InnoDB's own list (`INNODB_FT_DEFAULT_STOPWORD`): required with `+`, one of them would match nothing. */
const STOP_WORDS = new Set(
  (
    'a about an are as at be by com de en for from how i in is it la of on or that the this to was what when ' +
    'where who will with und the www'
  ).split(' '),
);
/** InnoDB's default `innodb_ft_min_token_size`: shorter words are not indexed. */
const MIN_WORD_LENGTH = 3;

/** A search in MySQL's boolean mode that requires every word. Null when no word of the query is searchable. */
export function searchExpression(query: string): string | null {
  const words = query
    .matchAll(/[\p{L}\p{N}\p{M}_]+/gu)
    .map(([word]) => word.toLowerCase())
    .filter((word) => [...word].length >= MIN_WORD_LENGTH && !STOP_WORDS.has(word));
  const distinct = [...new Set(words)].slice(0, MAX_WORDS);
  return distinct.length === 0 ? null : distinct.map((word) => `+${word}`).join(' ');
}
