/** @jsxImportSource preact */
import { Card, Field, Notice } from '#kit/http/html/controls';
import type { AppSetup } from '../../second-factors/model';
import type { Failure } from '../failures';
import { Form, visitorPage } from '../layout';
import type { Visitor } from '../visitor';

/** Shows the secret of an authenticator app, and asks for a code that it makes of it. */
export const setupPage = (visitor: Visitor, setup: AppSetup, failure?: Failure): Response =>
  visitorPage(visitor, {
    title: 'Set up an authenticator app',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    body: (
      <Card heading="Set up an authenticator app">
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        <p class="lead">Scan this code with the app, or open it on this device.</p>
        <QrCode svg={setup.qr_code} />
        <details>
          <summary>Enter it by hand</summary>
          <p>
            <a href={setup.uri}>Open in an app on this device</a>
          </p>
          <p>
            Key: <code>{setup.secret.replaceAll(/.{4}/g, '$& ').trim()}</code>
          </p>
        </details>
        <Form visitor={visitor} action="/auth/account/second-factors/app">
          <Field
            name="code"
            label="Code"
            hint="The six digits that the app shows now"
            autocomplete="one-time-code"
            inputmode="numeric"
            class="code"
            maxlength={16}
            errors={failure?.errors ?? []}
            autofocus
          />
          <div class="actions">
            <button type="submit" class="primary">
              Turn on
            </button>
            <a class="button" href="/auth/account/second-factors">
              Cancel
            </a>
          </div>
        </Form>
      </Card>
    ),
  });

/** An image by its data, which the policy of the page admits: markup of a library stays out of the page. */
const QrCode = ({ svg }: { svg: string }) => (
  <img class="qr" alt="QR code of the key below" src={`data:image/svg+xml,${encodeURIComponent(svg)}`} />
);
