/** @jsxImportSource preact */
import type { FieldError } from '#kit/errors/problem';
import { Card, Field, Notice } from '#kit/http/html/controls';
import { Form, visitorPage } from '../../pages/layout';
import type { Visitor } from '../../pages/visitor';
import { Decision, Origin, ScopeList } from '../consent-parts';
import { DEVICE_PATH, type WaitingDevice } from './service';
import { shownUserCode } from './user-codes';

/** Asks for the code that a device shows. */
export const codePage = (
  visitor: Visitor,
  { value, errors = [] }: { value?: string | undefined; errors?: readonly FieldError[] } = {},
): Response =>
  visitorPage(visitor, {
    title: 'Connect a device',
    status: errors.length > 0 ? 422 : 200,
    body: (
      <Card heading="Connect a device">
        <p>Enter the code that your device shows.</p>
        <Form visitor={visitor} action={DEVICE_PATH}>
          <Field
            name="user_code"
            label="Code"
            autocomplete="off"
            class="code"
            maxlength={16}
            autofocus
            errors={errors}
            {...(value !== undefined && { value })}
          />
          <div class="actions">
            <button type="submit" class="primary">
              Continue
            </button>
          </div>
        </Form>
      </Card>
    ),
  });

/** Asks whether a device may have what it asks for. Whoever was sent the code by somebody else must not continue. */
export const deviceConsentPage = (visitor: Visitor, { app, code }: WaitingDevice): Response =>
  visitorPage(visitor, {
    title: `Connect ${app.name}`,
    body: (
      <Card heading={`Connect ${app.name}?`}>
        <Origin app={app} />
        <p>A device with this code wants to use your account:</p>
        <p>
          <code>{shownUserCode(code.userCode)}</code>
        </p>
        <Notice bad>
          Continue only if you see this code on a device of your own. Whoever has sent it to you wants to get
          into your account.
        </Notice>
        <p>It asks to:</p>
        <ScopeList scopes={code.scopes} />
        <Form visitor={visitor} action={DEVICE_PATH}>
          <input type="hidden" name="user_code" value={code.userCode} />
          <Decision />
        </Form>
      </Card>
    ),
  });

export const devicePage = (visitor: Visitor, { isAllowed }: { isAllowed: boolean }): Response =>
  visitorPage(visitor, {
    title: isAllowed ? 'Your device is connected' : 'Your device is not connected',
    body: (
      <Card heading={isAllowed ? 'Your device is connected' : 'Your device is not connected'}>
        <p>You can close this page and go on at the device.</p>
        <div class="links">
          <a href="/auth/account">Your account</a>
        </div>
      </Card>
    ),
  });
