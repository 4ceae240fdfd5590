/** @jsxImportSource preact */
import { Card, Field, Notice } from '#kit/http/html/controls';
import type { Failure } from '../failures';
import { Form, visitorPage } from '../layout';
import type { Visitor } from '../visitor';

export const forgotPage = (visitor: Visitor, view: { email?: string; failure?: Failure } = {}): Response =>
  visitorPage(visitor, {
    title: 'Forgot your password?',
    status: view.failure?.status ?? 200,
    headers: view.failure?.headers ?? {},
    body: (
      <Card heading="Forgot your password?">
        <p class="lead">Enter the email address of your account. We mail you a link to set a new password.</p>
        {view.failure?.notice !== undefined && <Notice bad>{view.failure.notice}</Notice>}
        <Form visitor={visitor} action="/auth/forgot-password">
          <Field
            name="email"
            label="Email address"
            type="email"
            autocomplete="email"
            maxlength={254}
            value={view.email ?? ''}
            errors={view.failure?.errors ?? []}
            autofocus
          />
          <div class="actions">
            <button type="submit" class="primary">
              Mail me a link
            </button>
          </div>
        </Form>
        <SignInLink />
      </Card>
    ),
  });

/** The same for every address: it tells nobody whether there is an account. */
export const mailedPage = (visitor: Visitor): Response =>
  visitorPage(visitor, {
    title: 'Check your mail',
    body: (
      <Card heading="Check your mail">
        <p>If there is an account with this address, a link to set a new password is on its way.</p>
        <p class="quiet">
          The link works once, for 30 minutes. If no mail arrives, look at your spam folder.
        </p>
        <SignInLink />
      </Card>
    ),
  });

export const resetPage = (
  visitor: Visitor,
  { token, failure }: { token: string; failure?: Failure },
): Response =>
  visitorPage(visitor, {
    title: 'Set a new password',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    body: (
      <Card heading="Set a new password">
        <p class="lead">You will be signed out on all your devices.</p>
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        <Form visitor={visitor} action="/auth/reset-password">
          <input type="hidden" name="token" value={token} />
          <Field
            name="new_password"
            label="New password"
            hint="At least 8 characters. A few words are better than one."
            type="password"
            autocomplete="new-password"
            errors={failure?.errors ?? []}
            autofocus
          />
          <div class="actions">
            <button type="submit" class="primary">
              Set password
            </button>
          </div>
        </Form>
      </Card>
    ),
  });

export const resetDonePage = (visitor: Visitor, cookies: readonly string[]): Response =>
  visitorPage(visitor, {
    title: 'Your password is changed',
    cookies,
    body: (
      <Card heading="Your password is changed">
        <p>Sign in with the new one.</p>
        <div class="actions">
          <a class="button primary" href="/auth/sign-in">
            Sign in
          </a>
        </div>
      </Card>
    ),
  });

export const unusableLinkPage = (visitor: Visitor): Response =>
  visitorPage(visitor, {
    title: 'This link cannot be used',
    status: 410,
    body: (
      <Card heading="This link cannot be used">
        <p>It has been used, or it has expired: links work once, for 30 minutes.</p>
        <div class="actions">
          <a class="button primary" href="/auth/forgot-password">
            Ask for another link
          </a>
        </div>
      </Card>
    ),
  });

const SignInLink = () => (
  <div class="links">
    <a href="/auth/sign-in">Back to sign in</a>
  </div>
);
