/** @jsxImportSource preact */
import { Card, Field, Notice } from '#kit/http/html/controls';
import type { Failure } from '../failures';
import { Form, Next, visitorPage } from '../layout';
import type { Visitor } from '../visitor';

export interface SignUpView {
  readonly next: string | undefined;
  readonly username?: string;
  readonly email?: string;
  readonly failure?: Failure;
}

export function signUpPage(
  visitor: Visitor,
  { next, username = '', email = '', failure }: SignUpView,
): Response {
  const errors = failure?.errors ?? [];
  const query = next === undefined ? '' : `?${new URLSearchParams({ next })}`;
  return visitorPage(visitor, {
    title: 'Create an account',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    body: (
      <Card heading="Create an account">
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        <Form visitor={visitor} action="/auth/sign-up">
          <Next next={next} />
          <Field
            name="username"
            label="Username"
            hint="3 to 30 letters, digits or underscores"
            autocomplete="username"
            maxlength={30}
            value={username}
            errors={errors}
            autofocus
          />
          <Field
            name="email"
            label="Email address"
            type="email"
            autocomplete="email"
            maxlength={254}
            value={email}
            errors={errors}
          />
          <Field
            name="password"
            label="Password"
            hint="At least 8 characters. A few words are better than one."
            type="password"
            autocomplete="new-password"
            errors={errors}
          />
          <div class="actions">
            <button type="submit" class="primary">
              Create account
            </button>
          </div>
        </Form>
        <div class="links">
          <a href={`/auth/sign-in${query}`}>Sign in instead</a>
        </div>
      </Card>
    ),
  });
}
