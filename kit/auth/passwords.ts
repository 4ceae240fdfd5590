import { availableParallelism } from 'node:os';
import type { Registry } from 'prom-client';
import { createWorkQueue, type QueueLimits, type Turn } from '../core/queues/work-queue';
import { normalizePassword } from '../text/password';
import { type NewPassword, requireStrength } from './password-strength';

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB of memory, 2 iterations, 1 lane. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2 };

/**
 * Each hash takes a core for 20 to 30 ms, and 19 MiB. More at a time than there are cores are no faster, and delay the
 * other work of the thread pool. The wait leaves a caller's five seconds time for the rest of a sign-in.
 */
const LIMITS: QueueLimits = {
  concurrent: availableParallelism(),
  waiting: 1_000,
  waitMs: 3_000,
  serviceMs: 30,
};

export interface PasswordCheck {
  readonly matches: boolean;
  /** The password matches a hash of earlier parameters, or of its form before normalization: hash it again. */
  readonly isOutdated: boolean;
}

/**
 * Hashes and checks passwords in their normalized form (`normalizePassword`), a bounded number at a time and each in its
 * turn. Nothing is hashed for a caller who has gone.
 */
export interface Passwords {
  /**
   * Hashes a password that is about to be set.
   *
   * @throws ValidationFailed for one of the worst (`requireStrength`)
   * @throws ServiceOverloaded
   */
  hashNew(chosen: NewPassword, turn: Turn): Promise<string>;
  /** Hashes a password that has just matched an outdated hash, whatever its strength. @throws ServiceOverloaded */
  rehash(password: string, turn: Turn): Promise<string>;
  /**
   * Checks against a hash, or spends the same time on `null`, so that the time taken does not reveal whether there is an
   * account. Hashes from before normalization were made from what was typed, so that form is tried as well.
   *
   * @throws ServiceOverloaded
   */
  verify(password: string, hash: string | null, turn: Turn): Promise<PasswordCheck>;
}

/**
 * Creates argon2id hashes in the PHC string format.
 *
 * @param metrics of the queue `password hashes`
 * @param options.limits as many at a time as there are cores, and a wait of 3 s, by default
 * @param options.cost less than the default only in tests, of something else than passwords
 */
export function createPasswords(
  metrics: Registry,
  options: { limits?: QueueLimits; cost?: typeof PARAMETERS } = {},
): Passwords {
  const { limits = LIMITS, cost = PARAMETERS } = options;
  const parameters = { algorithm: 'argon2id', ...cost } as const;
  const parametersInHash = `$m=${cost.memoryCost},t=${cost.timeCost},p=1$`;
  const queue = createWorkQueue({ name: 'password hashes', metrics, limits });
  // It also tells how long a hash takes on this machine, before anybody comes.
  const dummy = queue.run(() => Bun.password.hash('password of a missing account', parameters));
  const isHashOf = (form: string, hash: string | null, turn: Turn) =>
    queue.run(async () => {
      const matches = await Bun.password.verify(form, hash ?? (await dummy));
      return matches && hash !== null;
    }, turn);
  const isCurrent = (hash: string) => hash.startsWith('$argon2id$') && hash.includes(parametersInHash);
  const rehash = (password: string, turn: Turn) =>
    queue.run(() => Bun.password.hash(normalizePassword(password), parameters), turn);
  return {
    async hashNew(chosen, turn) {
      // Checking the strength takes the event loop, which is not spent on those who are turned away.
      const release = queue.reserve(turn);
      await requireStrength(chosen).finally(release);
      return rehash(chosen.password, turn);
    },
    rehash,
    async verify(password, hash, turn) {
      const normalized = normalizePassword(password);
      if (await isHashOf(normalized, hash, turn))
        return { matches: true, isOutdated: hash !== null && !isCurrent(hash) };
      const matches = password !== normalized && (await isHashOf(password, hash, turn));
      return { matches, isOutdated: matches };
    },
  };
}
