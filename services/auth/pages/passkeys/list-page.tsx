/** @jsxImportSource preact */
import { Card, Field, Notice } from '#kit/http/html/controls';
import type { CreationOptions, Passkey } from '../../passkeys/model';
import { BackToAccount } from '../account/parts';
import type { Failure } from '../failures';
import { Form, visitorPage } from '../layout';
import type { Visitor } from '../visitor';
import { PASSKEY_SCRIPT, PasskeyForm, WithoutPasskeys } from './button';

export const passkeysPage = (visitor: Visitor, passkeys: readonly Passkey[], failure?: Failure): Response =>
  visitorPage(visitor, {
    title: 'Your passkeys',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    wide: true,
    body: (
      <Card heading="Your passkeys">
        <p class="lead">
          A passkey is kept by a device or a password manager. It signs in without a password, and confirms
          sign-ins with one.
        </p>
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        <ul class="list">
          {passkeys.map((passkey) => (
            <Row visitor={visitor} passkey={passkey} />
          ))}
        </ul>
        <div class="actions">
          <a class="button primary" href="/auth/account/passkeys/add">
            Add a passkey
          </a>
        </div>
        <BackToAccount />
      </Card>
    ),
  });

const Row = ({ visitor, passkey }: { visitor: Visitor; passkey: Passkey }) => (
  <li>
    <div>
      <h2>
        {passkey.name}
        {passkey.synced && <span class="tag">Synced</span>}
      </h2>
      <p class="quiet">
        Added {passkey.created_at.slice(0, 10)} ·{' '}
        {passkey.last_used_at === null ? 'not used yet' : `last used ${passkey.last_used_at.slice(0, 10)}`}
      </p>
      <details>
        <summary>Rename</summary>
        <Form visitor={visitor} action="/auth/account/passkeys/rename">
          <input type="hidden" name="id" value={passkey.id} />
          <div class="field">
            <label for={`name-${passkey.id}`}>Name</label>
            <input id={`name-${passkey.id}`} name="name" value={passkey.name} maxlength={40} required />
          </div>
          <div class="actions">
            <button type="submit">Rename</button>
          </div>
        </Form>
      </details>
    </div>
    <Form visitor={visitor} action="/auth/account/passkeys/remove" inline>
      <input type="hidden" name="id" value={passkey.id} />
      <button type="submit" class="danger" aria-label={`Remove the passkey ${passkey.name}`}>
        Remove
      </button>
    </Form>
  </li>
);

export const addPasskeyPage = (
  visitor: Visitor,
  { options, name, failure }: { options: CreationOptions; name: string; failure?: Failure },
): Response =>
  visitorPage(visitor, {
    title: 'Add a passkey',
    status: failure?.status ?? 200,
    headers: failure?.headers ?? {},
    script: PASSKEY_SCRIPT,
    body: (
      <Card heading="Add a passkey">
        <p class="lead">Your browser asks you where to keep it, and for your finger, your face or a PIN.</p>
        {failure?.notice !== undefined && <Notice bad>{failure.notice}</Notice>}
        <PasskeyForm
          visitor={visitor}
          action="/auth/account/passkeys/add"
          label="Create the passkey"
          create={options}
        >
          <Field
            name="name"
            label="Name"
            hint="By which you tell it from others, such as the device it is on"
            autocomplete="off"
            maxlength={40}
            value={name}
            errors={failure?.errors ?? []}
          />
        </PasskeyForm>
        <WithoutPasskeys>Passkeys need JavaScript in this browser.</WithoutPasskeys>
        <div class="links">
          <a href="/auth/account/passkeys">Back to your passkeys</a>
        </div>
      </Card>
    ),
  });
