import { repeatEvery } from '#kit/core/repeat';
import { isDuplicate } from '#kit/mysql/failures';
import { emailKey } from '#kit/text/email';
import type { UsersDeps } from '../deps';
import * as store from './store';

const BATCH_USERS = 500;
/** For accounts that an instance of the previous version creates during a rolling update. */
const EVERY_MS = 60_000;

type EmailKeysDeps = Pick<UsersDeps, 'runtime' | 'database'>;

/**
 * Derives the keys of the addresses that SQL could not derive. Resumable: only users without a key are read. Of two users
 * with one key the older keeps the address; the other signs in by username until an operator changes the address.
 *
 * @param reported users without a key of their own that are in the log already; more are added
 */
export async function fillEmailKeys(
  { runtime, database }: EmailKeysDeps,
  reported = new Set<string>(),
): Promise<void> {
  let afterId: string | null = null;
  for (;;) {
    const users = await store.listWithoutEmailKey(database, { afterId, limit: BATCH_USERS });
    for (const { id, email } of users)
      try {
        await store.setEmailKey(database, id, { email, emailKey: emailKey(email) });
      } catch (failure) {
        if (!isDuplicate(failure, 'users_email_key')) throw failure;
        if (reported.has(id)) continue;
        reported.add(id);
        runtime.log.warn({ user_id: id }, 'An older account has the same email address');
      }
    afterId = users.at(-1)?.id ?? null;
    if (users.length < BATCH_USERS || runtime.closing.aborted) return;
  }
}

/** Derives all missing keys, and those of later rows in the background until the runtime shuts down. */
export async function maintainEmailKeys(deps: EmailKeysDeps): Promise<void> {
  const reported = new Set<string>();
  await fillEmailKeys(deps, reported);
  const interval = { everyMs: EVERY_MS, firstRun: 'later' } as const;
  repeatEvery(deps.runtime, 'deriving email keys', interval, () => fillEmailKeys(deps, reported));
}
