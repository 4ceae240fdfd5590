/** @jsxImportSource preact */
import { Card, Field, Notice } from '#kit/http/html/controls';
import { ProviderButtons } from '../../identities/provider-buttons';
import type { SignInProviders } from '../../identities/providers';
import type { Failure } from '../failures';
import { Form, Next, visitorPage } from '../layout';
import { PASSKEY_SCRIPT, PasskeyForm } from '../passkeys/button';
import type { Visitor } from '../visitor';

export interface SignInView {
  /** The other providers to sign in with. */
  readonly providers: Pick<SignInProviders, 'list'>;
  readonly next: string | undefined;
  /** What was typed, or who signs in again. */
  readonly name?: string;
  readonly again?: boolean;
  readonly failure?: Failure;
}

export function signInPage(
  visitor: Visitor,
  { providers, next, name = '', again = false, failure }: SignInView,
): Response {
  const heading = again ? 'Sign in again' : 'Sign in';
  const query = next === undefined ? '' : `?${new URLSearchParams({ next })}`;
  return visitorPage(visitor, {
    title: heading,
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    script: PASSKEY_SCRIPT,
    body: (
      <>
        <Card heading={heading}>
          {again && <p class="lead">What you are about to do needs a recent sign-in.</p>}
          {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
          <Form visitor={visitor} action="/auth/sign-in">
            <Next next={next} />
            <Field
              name="name"
              label="Username or email address"
              autocomplete="username"
              maxlength={254}
              value={name}
              errors={failure?.errors ?? []}
              autofocus={name === ''}
            />
            <Field
              name="password"
              label="Password"
              type="password"
              autocomplete="current-password"
              errors={failure?.errors ?? []}
              autofocus={name !== ''}
            />
            <div class="actions">
              <button type="submit" class="primary">
                Sign in
              </button>
            </div>
          </Form>
          <PasskeyForm
            visitor={visitor}
            action="/auth/sign-in/passkey"
            label="Sign in with a passkey"
            instead
            from="/auth/passkeys/sign-in/options"
          >
            <Next next={next} />
          </PasskeyForm>
          <ProviderButtons visitor={visitor} providers={providers} next={next} />
          <div class="links">
            <a href="/auth/forgot-password">Forgot your password?</a>
            {!again && <a href={`/auth/sign-up${query}`}>Create an account</a>}
          </div>
        </Card>
      </>
    ),
  });
}

export const signOutPage = (visitor: Visitor): Response =>
  visitorPage(visitor, {
    title: visitor.session === null ? 'You are signed out' : 'Sign out',
    body:
      visitor.session === null ? (
        <Card heading="You are signed out">
          <p>Nobody is signed in on this browser.</p>
          <div class="actions">
            <a class="button primary" href="/auth/sign-in">
              Sign in
            </a>
          </div>
        </Card>
      ) : (
        <Card heading="Sign out?">
          <p>
            You are signed in as <b>{visitor.session.username}</b> on this browser.
          </p>
          <Form visitor={visitor} action="/auth/sign-out">
            <div class="actions">
              <button type="submit" class="primary">
                Sign out
              </button>
            </div>
          </Form>
        </Card>
      ),
  });
