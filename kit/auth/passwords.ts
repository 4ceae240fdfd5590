import { limitConcurrency } from '../core/concurrency-limit';

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, 2 iterations, 1 lane. */
const PARAMETERS = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const;
const PARAMETERS_IN_HASH = `$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=1$`;

/** Each hash takes a thread and 19 MiB for about 20 ms; more at a time would starve everything else. */
const LIMITS = { concurrent: 4, waiting: 200 };

/** Hashes and verifies passwords with bounded concurrency. */
export interface Passwords {
  /** @throws ServiceOverloaded when the queue is full */
  hash(password: string): Promise<string>;
  /**
   * Verifies a password against a hash. `null` takes the same time, so that the response time does not reveal whether an
   * account exists.
   *
   * @throws ServiceOverloaded when the queue is full
   */
  verify(password: string, hash: string | null): Promise<boolean>;
  /** Whether a hash was created with other parameters than the current ones. */
  isOutdated(hash: string): boolean;
}

/**
 * Creates argon2id hashes in the PHC string format.
 *
 * @param limits 4 at a time and 200 waiting by default
 */
export function createPasswords(limits = LIMITS): Passwords {
  const withPermit = limitConcurrency(limits);
  const dummy = Bun.password.hash('password of a missing account', PARAMETERS);
  return {
    hash: (password) => withPermit(() => Bun.password.hash(password, PARAMETERS)),
    verify: (password, hash) =>
      withPermit(async () => {
        const matches = await Bun.password.verify(password, hash ?? (await dummy));
        return matches && hash !== null;
      }),
    isOutdated: (hash) => !hash.startsWith('$argon2id$') || !hash.includes(PARAMETERS_IN_HASH),
  };
}
