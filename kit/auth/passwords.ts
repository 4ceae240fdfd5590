import { limitConcurrency } from '../core/concurrency-limit';
import { normalizePassword } from '../text/password';
import { type NewPassword, requireStrength } from './password-strength';

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, 2 iterations, 1 lane. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2 };

/** Each hash takes a thread and 19 MiB for about 20 ms; more at a time would starve everything else. */
const LIMITS = { concurrent: 4, waiting: 200 };

export interface PasswordCheck {
  readonly matches: boolean;
  /** The password matches a hash of earlier parameters, or of its form before normalization: hash it again. */
  readonly isOutdated: boolean;
}

/** Hashes and checks passwords in their normalized form (`normalizePassword`), a bounded number at a time. */
export interface Passwords {
  /**
   * Hashes a password that is about to be set.
   *
   * @throws ValidationFailed for one of the worst (`requireStrength`)
   * @throws ServiceOverloaded when the queue is full
   */
  hashNew(chosen: NewPassword): Promise<string>;
  /** Hashes a password that has just matched an outdated hash, whatever its strength. @throws ServiceOverloaded */
  rehash(password: string): Promise<string>;
  /**
   * Checks against a hash, or spends the same time on `null`, so that the time taken does not reveal whether there is an
   * account. Hashes from before normalization were made from what was typed, so that form is tried as well.
   *
   * @throws ServiceOverloaded when the queue is full
   */
  verify(password: string, hash: string | null): Promise<PasswordCheck>;
}

/**
 * Creates argon2id hashes in the PHC string format.
 *
 * @param limits 4 at a time and 200 waiting by default
 * @param cost less than the default only in tests, of something else than passwords
 */
export function createPasswords(limits = LIMITS, cost = PARAMETERS): Passwords {
  const parameters = { algorithm: 'argon2id', ...cost } as const;
  const parametersInHash = `$m=${cost.memoryCost},t=${cost.timeCost},p=1$`;
  const withPermit = limitConcurrency(limits);
  const dummy = Bun.password.hash('password of a missing account', parameters);
  const isHashOf = (form: string, hash: string | null) =>
    withPermit(async () => {
      const matches = await Bun.password.verify(form, hash ?? (await dummy));
      return matches && hash !== null;
    });
  const isCurrent = (hash: string) => hash.startsWith('$argon2id$') && hash.includes(parametersInHash);
  const rehash = (password: string) =>
    withPermit(() => Bun.password.hash(normalizePassword(password), parameters));
  return {
    async hashNew(chosen) {
      await requireStrength(chosen);
      return rehash(chosen.password);
    },
    rehash,
    async verify(password, hash) {
      const normalized = normalizePassword(password);
      if (await isHashOf(normalized, hash))
        return { matches: true, isOutdated: hash !== null && !isCurrent(hash) };
      const matches = password !== normalized && (await isHashOf(password, hash));
      return { matches, isOutdated: matches };
    },
  };
}
