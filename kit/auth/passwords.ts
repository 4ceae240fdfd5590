import { limitConcurrency } from '../core/concurrency-limit';

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, 2 iterations, 1 lane. */
const PARAMETERS = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const;
const PARAMETERS_IN_HASH = `$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=1$`;

/** Each hash takes a thread and 19 MiB for some 20 ms; more at once would starve everything else. */
const LIMITS = { concurrent: 4, waiting: 200 };

/** Hashes and checks passwords, a bounded number at a time. */
export interface Passwords {
  /** @throws ServiceOverloaded when too many are waiting */
  hash(password: string): Promise<string>;
  /**
   * Checks against a hash, or spends the same time on `null`, so that the time taken does not tell whether there
   * is an account.
   *
   * @throws ServiceOverloaded when too many are waiting
   */
  verify(password: string, hash: string | null): Promise<boolean>;
  /** True when a hash was made with other parameters than today's. */
  isOutdated(hash: string): boolean;
}

/** Passwords as argon2id hashes in the PHC string format, with today's parameters. */
export function createPasswords(limits = LIMITS): Passwords {
  const inTurn = limitConcurrency(limits);
  const dummy = Bun.password.hash('nobody has this password', PARAMETERS);
  return {
    hash: (password) => inTurn(() => Bun.password.hash(password, PARAMETERS)),
    verify: (password, hash) =>
      inTurn(async () => {
        const matches = await Bun.password.verify(password, hash ?? (await dummy));
        return matches && hash !== null;
      }),
    isOutdated: (hash) => !hash.startsWith('$argon2id$') || !hash.includes(PARAMETERS_IN_HASH),
  };
}
