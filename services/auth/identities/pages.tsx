/** @jsxImportSource preact */
import type { Problem } from '#kit/errors/problem';
import { Card, Field, Notice } from '#kit/http/html/controls';
import { htmlPage } from '#kit/http/html/page';
import type { Failure } from '../pages/failures';
import { Form, visitorPage } from '../pages/layout';
import { signInPath } from '../pages/next';
import type { Visitor } from '../pages/visitor';
import type { ForeignAccount } from './account';

/** Where the owner of a waiting account says what it signs in to. */
export const accountPath = (provider: string): string => `/auth/providers/${provider}/account`;

/** Browsers hold a redirect after a form to the `form-action` of its page: this page between goes on by itself. */
export const leavingPage = (label: string, url: URL): Response =>
  htmlPage({
    title: `Continue at ${label}`,
    continueTo: url.href,
    body: (
      <Card heading={`Continue at ${label}`}>
        <p>
          If nothing happens, <a href={url.href}>continue here</a>.
        </p>
      </Card>
    ),
  });

/** What was refused, in words of ours alone: nothing that came from outside is repeated. */
export const refusalPage = (visitor: Visitor, { title, detail, status }: Problem): Response =>
  visitorPage(visitor, {
    title,
    status,
    body: (
      <Card heading={title}>
        <p>{detail ?? 'Go back and try again.'}</p>
        <div class="actions">
          {visitor.session === null ? (
            <a class="button primary" href="/auth/sign-in">
              Back to sign-in
            </a>
          ) : (
            <a class="button primary" href="/auth/account">
              Back to your account
            </a>
          )}
        </div>
      </Card>
    ),
  });

export interface RegistrationView {
  readonly label: string;
  readonly account: ForeignAccount;
  /** Somebody has an account here with the verified address. */
  readonly isKnown: boolean;
  readonly username?: string;
  readonly email?: string;
  readonly failure?: Failure;
}

/** For somebody who is not signed in: sign in and link, or create an account. */
export function registrationPage(visitor: Visitor, view: RegistrationView): Response {
  const { account, failure, label, isKnown } = view;
  const errors = failure?.errors ?? [];
  const signIn = signInPath(accountPath(account.provider));
  return visitorPage(visitor, {
    title: isKnown ? 'Link your account' : 'Create an account',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    body: isKnown ? (
      <Card heading="Link your account">
        <p>
          There is an account here with the address of your account at {label}. Sign in to it once the way you
          always have: from then on {label} signs in to it.
        </p>
        <div class="actions">
          <a class="button primary" href={signIn}>
            Sign in and link
          </a>
        </div>
      </Card>
    ) : (
      <Card heading="Create an account">
        <p class="lead">
          You are signed in at {label}
          {account.label !== null && (
            <>
              {' '}
              as <b>{account.label}</b>
            </>
          )}
          . No account here is linked to it yet.
        </p>
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        <Form visitor={visitor} action={`/auth/providers/${account.provider}/register`}>
          <Field
            name="username"
            label="Username"
            hint="3 to 30 letters, digits or underscores"
            autocomplete="username"
            maxlength={30}
            value={view.username ?? account.username ?? ''}
            errors={errors}
            autofocus
          />
          <Field
            name="email"
            label="Email address"
            type="email"
            autocomplete="email"
            maxlength={254}
            value={view.email ?? account.email ?? ''}
            errors={errors}
          />
          <div class="actions">
            <button type="submit" class="primary">
              Create account
            </button>
          </div>
        </Form>
        <div class="links">
          <a href={signIn}>I have an account: sign in and link it</a>
        </div>
      </Card>
    ),
  });
}

/** For somebody who is signed in. */
export const linkPage = (
  visitor: Visitor,
  { label, account, username }: { label: string; account: ForeignAccount; username: string },
): Response =>
  visitorPage(visitor, {
    title: 'Link your account',
    body: (
      <Card heading="Link your account">
        <p>
          Your account at {label}
          {account.label !== null && (
            <>
              {' '}
              (<b>{account.label}</b>)
            </>
          )}{' '}
          will sign in to <b>{username}</b>.
        </p>
        <Form visitor={visitor} action={`/auth/providers/${account.provider}/link`}>
          <div class="actions">
            <button type="submit" class="primary">
              Link
            </button>
            <a class="button" href="/auth/account">
              Cancel
            </a>
          </div>
        </Form>
      </Card>
    ),
  });
