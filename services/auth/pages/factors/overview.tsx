/** @jsxImportSource preact */
import { Card, Notice } from '#kit/http/html/controls';
import type { SecondFactors } from '../../second-factors/model';
import { BackToAccount } from '../account/parts';
import { Form, visitorPage } from '../layout';
import type { Visitor } from '../visitor';

/** Fewer are left than should be. */
const FEW_CODES = 3;

export const factorsPage = (visitor: Visitor, factors: SecondFactors): Response =>
  visitorPage(visitor, {
    title: 'Sign-in in two steps',
    wide: true,
    body: (
      <Card heading="Sign-in in two steps">
        <p class="lead">
          Besides your password, signing in takes something that you have: whoever finds out the password does
          not get in.
        </p>
        <ul class="list">
          <App visitor={visitor} since={factors.totp?.confirmed_at} />
          <li>
            <div>
              <h2>Passkeys</h2>
              <p class="quiet">{factors.passkeys === 0 ? 'None' : `You have ${factors.passkeys}.`}</p>
            </div>
            <a class="button" href="/auth/account/passkeys">
              Manage passkeys
            </a>
          </li>
          {(factors.totp !== null || factors.passkeys > 0) && (
            <RecoveryCodes visitor={visitor} left={factors.recovery_codes} />
          )}
        </ul>
        <BackToAccount />
      </Card>
    ),
  });

const App = ({ visitor, since }: { visitor: Visitor; since: string | undefined }) => (
  <li>
    <div>
      <h2>
        Authenticator app
        {since !== undefined && <span class="tag">On</span>}
      </h2>
      <p class="quiet">
        {since === undefined
          ? 'It shows a new code of six digits every half minute.'
          : `Since ${since.slice(0, 10)}.`}
      </p>
    </div>
    {since === undefined ? (
      <a class="button" href="/auth/account/second-factors/app">
        Set up
      </a>
    ) : (
      <Form visitor={visitor} action="/auth/account/second-factors/app/remove" inline>
        <button type="submit" class="danger" aria-label="Remove the authenticator app">
          Remove
        </button>
      </Form>
    )}
  </li>
);

const RecoveryCodes = ({ visitor, left }: { visitor: Visitor; left: number }) => (
  <li>
    <div>
      <h2>Recovery codes</h2>
      <p class="quiet">{left === 1 ? 'One is left.' : `${left === 0 ? 'None' : left} are left.`}</p>
      {left < FEW_CODES && (
        <Notice bad={left === 0}>Make new ones, so that you get in when you lose your device.</Notice>
      )}
    </div>
    <Form visitor={visitor} action="/auth/account/second-factors/recovery-codes" inline>
      <button type="submit">Make new ones</button>
    </Form>
  </li>
);
