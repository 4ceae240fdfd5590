import { repeatEvery } from '#kit/core/repeat';
import { emailKey } from '#kit/text/email';
import type { AuthDeps } from '../deps';
import * as store from './store';

const BATCH_USERS = 500;
/** For addresses that an instance of the previous version stores during a rolling update. */
const EVERY_MS = 60_000;

type EmailKeysDeps = Pick<AuthDeps, 'runtime' | 'database'>;

/** Derives the keys of the addresses that SQL could not derive. Resumable: only addresses without a key are read. */
export async function fillEmailKeys({ runtime, database }: EmailKeysDeps): Promise<void> {
  let afterId: string | null = null;
  for (;;) {
    const rows = await store.listWithoutEmailKey(database, { afterId, limit: BATCH_USERS });
    for (const { userId, email } of rows)
      if (email !== null) await store.setEmailKey(database, userId, { email, emailKey: emailKey(email) });
    afterId = rows.at(-1)?.userId ?? null;
    if (rows.length < BATCH_USERS || runtime.closing.aborted) return;
  }
}

/** Derives all missing keys, and those of later rows in the background until the runtime shuts down. */
export async function maintainEmailKeys(deps: EmailKeysDeps): Promise<void> {
  await fillEmailKeys(deps);
  const interval = { everyMs: EVERY_MS, firstRun: 'later' } as const;
  repeatEvery(deps.runtime, 'deriving email keys', interval, () => fillEmailKeys(deps));
}
