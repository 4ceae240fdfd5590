/**
 * Scripts written without spaces between words, and Hangul, whose particles are attached to words: a query must be found
 * within a longer run of letters. Script extensions, so that marks and signs shared by Japanese scripts belong to them.
 */
const UNSPACED =
  '[\\p{scx=Han}\\p{scx=Hiragana}\\p{scx=Katakana}\\p{scx=Hangul}\\p{scx=Thai}\\p{scx=Lao}\\p{scx=Khmer}\\p{scx=Myanmar}]';
const LETTER = '[\\p{L}\\p{N}\\p{M}]';
const UNSPACED_RUN = `(?<unspaced>(?:(?=${UNSPACED})${LETTER})+)`;
const WORD = `(?<word>(?:(?!${UNSPACED})${LETTER})+)`;
const EMOJI = String.raw`(?<emoji>\p{Regional_Indicator}{2}|\p{Extended_Pictographic})`;
const RUN = new RegExp(`${UNSPACED_RUN}|${WORD}|${EMOJI}`, 'gu');
/** Joiners, variation selectors, the Arabic kashida and the like change how a character looks, not which it is. */
const IGNORED = /\p{Default_Ignorable_Code_Point}|\u0640/gu;
/** Marks are folded where they are commonly left out in typing: accents, Arabic and Hebrew vowels; elsewhere they are letters. */
const MARKED = /([\p{Script=Latin}\p{Script=Greek}\p{Script=Arabic}\p{Script=Hebrew}])\p{Mn}+/gu;

/**
 * The distinct terms by which a text is found, and which a query consists of: a text matches when it has all terms of the
 * query. Compared without regard to case, width (NFKC), Latin or Greek accents, and Arabic or Hebrew vowel signs.
 *
 * - words of scripts with spaces, however short; emoji and flags
 * - of other scripts every pair of neighbouring characters, so that any part of a sentence is found
 *
 * @param use `index` also has the single characters of scripts without spaces; a `query` has them where it has no pair
 */
export function searchTerms(text: string, use: 'index' | 'query'): string[] {
  const terms = new Set<string>();
  for (const { groups } of fold(text).matchAll(RUN)) {
    const { unspaced, word, emoji } = groups ?? {};
    if (unspaced !== undefined) for (const term of partsOf(unspaced, use)) terms.add(term);
    else terms.add(word ?? emoji ?? '');
  }
  return [...terms];
}

const fold = (text: string): string =>
  text
    .toWellFormed()
    .normalize('NFKC')
    .toLowerCase()
    .replace(IGNORED, '')
    .normalize('NFD')
    .replace(MARKED, '$1')
    .normalize('NFC')
    .replaceAll('ß', 'ss')
    .replaceAll('ς', 'σ');

function* partsOf(run: string, use: 'index' | 'query'): Generator<string> {
  const characters = [...run];
  if (use === 'index' || characters.length === 1) yield* characters;
  for (let start = 0; start + 1 < characters.length; start++)
    yield `${characters[start]}${characters[start + 1]}`;
}

/** InnoDB indexes no word of more than 84 characters (`innodb_ft_max_token_size`). */
const MAX_TOKEN_CHARACTERS = 80;

/**
 * The terms of a text as words of ASCII letters and digits that a full-text index takes as they are: no parser splits
 * them, and none is too short, too long, a stop word or an operator of a query language.
 */
export const searchTokens = (text: string, use: 'index' | 'query'): string[] =>
  searchTerms(text, use).map(encode);

function encode(term: string): string {
  const token = `t0${Buffer.from(term).toString('hex')}`;
  return token.length <= MAX_TOKEN_CHARACTERS
    ? token
    : `h0${new Bun.CryptoHasher('sha256').update(term).digest('hex')}`;
}
