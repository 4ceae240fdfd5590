import { searchTokens } from '#kit/text/search-tokens';

/** A search in MySQL's boolean mode that requires every word. Null when the query has nothing to search for. */
export function searchExpression(query: string): string | null {
  const tokens = searchTokens(query, 'query');
  return tokens.length === 0 ? null : tokens.map((token) => `+${token}`).join(' ');
}
