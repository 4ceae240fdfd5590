/** @jsxImportSource preact */
import type { ComponentChildren } from 'preact';
import { Card } from '#kit/http/html/controls';
import type { AllowedApp } from '../../apps/model';
import { LinkedAccounts } from '../../identities/linked-accounts';
import type { Identity } from '../../identities/model';
import type { SignInProviders } from '../../identities/providers';
import { visitorPage } from '../layout';
import type { Visitor } from '../visitor';
import { AppList } from './app-list';
import { SessionList, type SessionView } from './session-list';

/** How many of a list the overview shows. */
export const SHOWN = 3;

export interface Overview {
  readonly username: string;
  readonly email: string | null;
  readonly sessions: readonly SessionView[];
  readonly apps: readonly AllowedApp[];
  readonly linked: readonly Identity[];
  readonly providers: Pick<SignInProviders, 'list'>;
}

export const overviewPage = (
  visitor: Visitor,
  { username, email, sessions, apps, linked, providers }: Overview,
): Response =>
  visitorPage(visitor, {
    title: 'Your account',
    wide: true,
    body: (
      <>
        <Card heading="Your account">
          <dl class="facts">
            <dt>Username</dt>
            <dd>{username}</dd>
            <dt>Email address</dt>
            <dd>{email ?? 'none'}</dd>
          </dl>
        </Card>
        <Card>
          <h2>Sign-in</h2>
          <ul class="list">
            <Row to="/auth/account/password" name="Password">
              Change it if somebody else may know it.
            </Row>
            <Row to="/auth/account/second-factors" name="Sign-in in two steps">
              An authenticator app, and recovery codes for the day you lose it.
            </Row>
            <Row to="/auth/account/passkeys" name="Passkeys">
              Sign in with your finger, your face or a PIN.
            </Row>
          </ul>
        </Card>
        <LinkedAccounts visitor={visitor} linked={linked} providers={providers} />
        <Card>
          <div class="heading">
            <h2>Sessions</h2>
            {sessions.length > SHOWN && <a href="/auth/account/sessions">All sessions</a>}
          </div>
          <SessionList visitor={visitor} sessions={sessions.slice(0, SHOWN)} />
        </Card>
        <Card>
          <div class="heading">
            <h2>Apps</h2>
            {apps.length > SHOWN && <a href="/auth/account/apps">All apps</a>}
          </div>
          <AppList visitor={visitor} apps={apps.slice(0, SHOWN)} />
        </Card>
        <Card>
          <h2>Account</h2>
          <ul class="list">
            <Row to="/auth/account/delete" name="Delete the account">
              With all its data. This cannot be undone.
            </Row>
          </ul>
        </Card>
      </>
    ),
  });

const Row = ({ to, name, children }: { to: string; name: string; children: ComponentChildren }) => (
  <li>
    <a class="row" href={to}>
      <span>
        <b>{name}</b> <br />
        <span class="quiet">{children}</span>
      </span>
    </a>
  </li>
);
