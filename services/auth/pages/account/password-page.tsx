/** @jsxImportSource preact */
import { Card, Field, Notice } from '#kit/http/html/controls';
import type { Failure } from '../failures';
import { Form, visitorPage } from '../layout';
import type { Visitor } from '../visitor';
import { BackToAccount } from './parts';

export const passwordPage = (visitor: Visitor, failure?: Failure): Response =>
  visitorPage(visitor, {
    title: 'Change your password',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    body: (
      <Card heading="Change your password">
        <p class="lead">All your other sessions end.</p>
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        <Form visitor={visitor} action="/auth/account/password">
          {/* For password managers, which then know whose password it is. */}
          <input
            type="text"
            name=""
            value={visitor.session?.username}
            autocomplete="username"
            hidden
            readonly
          />
          <Field
            name="current_password"
            label="Current password"
            type="password"
            autocomplete="current-password"
            errors={failure?.errors ?? []}
            autofocus
          />
          <Field
            name="new_password"
            label="New password"
            hint="At least 8 characters. A few words are better than one."
            type="password"
            autocomplete="new-password"
            errors={failure?.errors ?? []}
          />
          <div class="actions">
            <button type="submit" class="primary">
              Change password
            </button>
          </div>
        </Form>
        <BackToAccount />
      </Card>
    ),
  });

/** For somebody who signs in in other ways. */
export const noPasswordPage = (visitor: Visitor): Response =>
  visitorPage(visitor, {
    title: 'Set a password',
    body: (
      <Card heading="Set a password">
        <p class="lead">Your account has no password. A link that is mailed to you sets one.</p>
        <div class="actions">
          <a class="button primary" href="/auth/forgot-password">
            Send me a link
          </a>
        </div>
        <BackToAccount />
      </Card>
    ),
  });

export const passwordChangedPage = (visitor: Visitor, cookies: readonly string[]): Response =>
  visitorPage(
    // The forms of this page would have the token of the browser's former name.
    { ...visitor, session: null },
    {
      title: 'Your password is changed',
      cookies,
      body: (
        <Card heading="Your password is changed">
          <p>All your other sessions have ended. You are still signed in here.</p>
          <BackToAccount />
        </Card>
      ),
    },
  );
