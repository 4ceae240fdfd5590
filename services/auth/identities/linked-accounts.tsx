/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import { Form } from '../pages/layout';
import type { Visitor } from '../pages/visitor';
import type { Identity } from './model';
import type { SignInProviders } from './providers';

/** The part of the account page about accounts at other providers. */
export function LinkedAccounts({
  visitor,
  linked,
  providers,
}: {
  visitor: Pick<Visitor, 'formToken'>;
  linked: readonly Identity[];
  providers: Pick<SignInProviders, 'list'>;
}) {
  const others = providers.list.filter(({ name }) => !linked.some(({ provider }) => provider === name));
  if (linked.length + others.length === 0) return null;
  return (
    <Card>
      <h2>Linked accounts</h2>
      <p class="quiet">Accounts at other providers that sign in to this one.</p>
      <ul class="list">
        {linked.map(({ provider, provider_name, account, last_used_at }) => (
          <li>
            <div>
              <h3>{provider_name}</h3>
              <p class="quiet">
                {account ?? 'Linked'} ·{' '}
                {last_used_at === null ? 'not used yet' : `last used ${last_used_at.slice(0, 10)}`}
              </p>
            </div>
            <Form visitor={visitor} action={`/auth/providers/${provider}/unlink`} inline>
              <button type="submit" aria-label={`Remove the link to ${provider_name}`}>
                Remove
              </button>
            </Form>
          </li>
        ))}
        {others.map(({ name, label }) => (
          <li>
            <div>
              <h3>{label}</h3>
              <p class="quiet">Not linked</p>
            </div>
            <Form visitor={visitor} action={`/auth/providers/${name}`} inline>
              <input type="hidden" name="purpose" value="link" />
              <button type="submit" aria-label={`Link an account at ${label}`}>
                Link
              </button>
            </Form>
          </li>
        ))}
      </ul>
    </Card>
  );
}
