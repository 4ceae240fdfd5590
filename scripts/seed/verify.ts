import { type Api, actAs, field, readAll, textField } from '../api';
import { inParallel } from './in-parallel';

/** Vouches for the addresses of seeded people, which nobody can confirm. Addresses that are verified are left alone. */
export async function verifyAddresses(
  api: Api,
  usernames: ReadonlySet<string>,
  operator: { username: string; password: string; concurrency: number },
): Promise<void> {
  const admin = actAs(api, operator);
  const unverified = (await readAll(admin, '/admin/auth')).filter(
    (account) => usernames.has(textField(account, 'username')) && field(account, 'email_verified') === false,
  );
  await inParallel('addresses', unverified, operator.concurrency, (account) =>
    admin.call('PUT', `/admin/auth/${textField(account, 'user_id')}`, { body: { email_verified: true } }),
  );
}
