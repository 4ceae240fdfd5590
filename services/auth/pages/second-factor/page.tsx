/** @jsxImportSource preact */
import { Card, Field, Notice } from '#kit/http/html/controls';
import type { RequestOptions } from '../../passkeys/model';
import type { PendingSignIn } from '../../second-factors/model';
import type { Failure } from '../failures';
import { Form, Next, visitorPage } from '../layout';
import { PASSKEY_SCRIPT, PasskeyForm, WithoutPasskeys } from '../passkeys/button';
import type { Visitor } from '../visitor';
import { SECOND_FACTOR } from './pending-cookie';

export interface SecondFactorView {
  readonly next: string | undefined;
  readonly methods: PendingSignIn['methods'];
  /** Where there are passkeys. */
  readonly passkey: RequestOptions | undefined;
  readonly failure?: Failure;
}

export function secondFactorPage(
  visitor: Visitor,
  { next, methods, passkey, failure }: SecondFactorView,
): Response {
  const errors = failure?.errors ?? [];
  return visitorPage(visitor, {
    title: 'Confirm that it is you',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    ...(passkey !== undefined && { script: PASSKEY_SCRIPT }),
    body: (
      <Card heading="Confirm that it is you">
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        {passkey !== undefined && (
          <>
            <PasskeyForm visitor={visitor} action={SECOND_FACTOR} label="Use a passkey" get={passkey}>
              <Next next={next} />
            </PasskeyForm>
            <WithoutPasskeys>Passkeys need JavaScript in this browser.</WithoutPasskeys>
          </>
        )}
        {methods.includes('totp') && (
          <Form visitor={visitor} action={SECOND_FACTOR}>
            <Next next={next} />
            <Field
              name="code"
              label="Code"
              hint="Six digits, from your authenticator app"
              autocomplete="one-time-code"
              inputmode="numeric"
              class="code"
              maxlength={16}
              errors={errors}
              autofocus
            />
            <div class="actions">
              <button type="submit" class={passkey === undefined ? 'primary' : undefined}>
                Confirm
              </button>
            </div>
          </Form>
        )}
        {methods.includes('recovery_code') && <RecoveryCode visitor={visitor} next={next} errors={errors} />}
        <div class="links">
          <a href="/auth/sign-in">Sign in as somebody else</a>
        </div>
      </Card>
    ),
  });
}

const RecoveryCode = ({
  visitor,
  next,
  errors,
}: {
  visitor: Visitor;
  next: string | undefined;
  errors: NonNullable<Failure['errors']>;
}) => (
  <details open={errors.some(({ field }) => field === 'recovery_code')}>
    <summary>Use a recovery code</summary>
    <Form visitor={visitor} action={SECOND_FACTOR}>
      <Next next={next} />
      <Field
        name="recovery_code"
        label="Recovery code"
        hint="One of those that you have kept. Each works once."
        autocomplete="off"
        class="code"
        maxlength={40}
        errors={errors}
      />
      <div class="actions">
        <button type="submit">Use the code</button>
      </div>
    </Form>
  </details>
);
