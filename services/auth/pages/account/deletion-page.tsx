/** @jsxImportSource preact */
import { Card, Field, Notice } from '#kit/http/html/controls';
import { htmlPage } from '#kit/http/html/page';
import type { Failure } from '../failures';
import { Form, visitorPage } from '../layout';
import type { Visitor } from '../visitor';

export interface DeletionView {
  /** Whether the password is needed: the sign-in is not recent. */
  readonly asksPassword: boolean;
  readonly username?: string;
  readonly failure?: Failure;
}

export const deletionPage = (
  visitor: Visitor,
  { asksPassword, username = '', failure }: DeletionView,
): Response =>
  visitorPage(visitor, {
    title: 'Delete your account',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    body: (
      <Card heading="Delete your account?">
        <p>
          Your profile, your posts and everything else of yours is deleted, for everybody and at once.{' '}
          <b>This cannot be undone.</b>
        </p>
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        <Form visitor={visitor} action="/auth/account/delete">
          <Field
            name="username"
            label="Your username"
            hint={`Enter ${visitor.session?.username} to confirm.`}
            autocomplete="off"
            maxlength={254}
            value={username}
            errors={failure?.errors ?? []}
          />
          {asksPassword && (
            <Field
              name="current_password"
              label="Your password"
              type="password"
              autocomplete="current-password"
              errors={failure?.errors ?? []}
            />
          )}
          <div class="actions">
            <button type="submit" class="danger primary">
              Delete the account
            </button>
            <a class="button" href="/auth/account">
              Keep it
            </a>
          </div>
        </Form>
      </Card>
    ),
  });

export const deletedPage = (cookies: readonly string[]): Response =>
  htmlPage({
    title: 'Your account is deleted',
    cookies,
    body: (
      <Card heading="Your account is deleted">
        <p>All that is yours is being erased.</p>
      </Card>
    ),
  });
