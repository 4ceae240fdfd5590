import { ValidationFailed } from '../errors/problem';
import { countGraphemes } from '../text/graphemes';
import { normalizePassword } from '../text/password';

/** A password that is about to be set. */
export interface NewPassword {
  readonly password: string;
  /** The field it was sent in, for the response. */
  readonly field: string;
  /** The username and the email address of its owner, as far as they are known. */
  readonly names: readonly (string | null | undefined)[];
}

/** As for a whole password (NIST SP 800-63B-4, section 3.1.1.2: what is left must be a password of its own). */
const MIN_GRAPHEMES = 8;
/** Up to this length a password of one or two characters in turn is one of the first that are tried. */
const MAX_MONOTONOUS_GRAPHEMES = 16;

/** Read when the first password is set: most processes that hash passwords rarely do. */
let list: Promise<string> | undefined;

async function readList(): Promise<string> {
  const { default: text } = await import('./common-passwords.txt', { with: { type: 'text' } });
  return `\n${text}`;
}

/**
 * Refuses the worst passwords with a reason: the most common ones of leaks (`common-passwords.txt`), also with digits and
 * signs behind them, one or two characters repeated, and the owner's own names with little besides. Other rules about what
 * a password must contain make none better (NIST SP 800-63B-4, section 3.1.1.2).
 *
 * @throws ValidationFailed naming the field
 */
export async function requireStrength({ password, field, names }: NewPassword): Promise<void> {
  const message = await weaknessOf(password, names);
  if (message !== undefined) throw new ValidationFailed({ errors: [{ field, message }] });
}

/** What is wrong with a password; undefined if nothing is. */
export async function weaknessOf(
  password: string,
  names: NewPassword['names'] = [],
): Promise<string | undefined> {
  list ??= readList();
  const listed = await list;
  const folded = normalizePassword(password).toLowerCase();
  if (isCommon(folded, listed))
    return 'One of the most common passwords, which are tried first. Choose another one';
  if (isMonotonous(folded)) return 'Consists of one or two characters. Choose another one';
  const rest = withoutNames(folded, names);
  if (rest !== folded && (countGraphemes(rest) < MIN_GRAPHEMES || isCommon(rest, listed)))
    return 'Little more than your own name or address. Choose another one';
  return undefined;
}

/** `Password2024!` is as common as `password`: what people add to satisfy rules is tried as well. */
function isCommon(folded: string, listed: string): boolean {
  const isListed = (password: string) => listed.includes(`\n${password}\n`);
  const end = folded.search(/[^\p{N}\p{P}\p{S} ][\p{N}\p{P}\p{S} ]*$/u);
  return isListed(folded) || (end !== -1 && isListed(folded.slice(0, end + 1)));
}

function isMonotonous(folded: string): boolean {
  const characters = [...folded];
  return characters.length <= MAX_MONOTONOUS_GRAPHEMES && new Set(characters).size <= 2;
}

/** Longest first: an address contains its local part, which is often the username. */
function withoutNames(folded: string, names: NewPassword['names']): string {
  const own = names
    .flatMap((name) =>
      name ? [name, ...(name.includes('@') ? [name.slice(0, name.lastIndexOf('@'))] : [])] : [],
    )
    .map((name) => normalizePassword(name).toLowerCase())
    .filter((name) => name.length > 2);
  return own
    .sort((one, other) => other.length - one.length)
    .reduce((rest, name) => rest.replaceAll(name, ''), folded);
}
