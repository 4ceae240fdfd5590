/** @jsxImportSource preact */
import type { ComponentChildren } from 'preact';
import { Form } from '../layout';
import type { Visitor } from '../visitor';

/** The script of pages with a button of passkeys: the only JavaScript of our pages. */
export const PASSKEY_SCRIPT = '/auth/passkeys.js';

/** A form that its script sends with the answer of a passkey. It is shown only where the browser knows passkeys. */
export const PasskeyForm = ({
  visitor,
  action,
  label,
  instead = false,
  children,
  ...asks
}: {
  visitor: Visitor;
  /** A path of ours. */
  action: string;
  label: string;
  /** Whether it is another way than that of the form above. */
  instead?: boolean;
  /** The other fields. */
  children?: ComponentChildren;
} & PasskeyRequest) => (
  <div data-with-passkeys hidden>
    {instead && <p class="or">or</p>}
    <Form visitor={visitor} action={action}>
      {children}
      <input type="hidden" name="passkey" value="" />
      <div class="actions">
        <button
          type="button"
          class={instead ? undefined : 'primary'}
          data-passkey={'create' in asks ? 'create' : 'get'}
          data-options={optionsOf(asks)}
          data-options-from={'from' in asks ? asks.from : undefined}
        >
          {label}
        </button>
      </div>
      <p class="error" role="alert" data-passkey-failed hidden />
    </Form>
  </div>
);

/** Options of WebAuthn to create or to get a passkey with, or the path that hands them out. */
export type PasskeyRequest =
  | { readonly create: object }
  | { readonly get: object }
  | { readonly from: string };

function optionsOf(asks: PasskeyRequest): string | undefined {
  if ('create' in asks) return JSON.stringify(asks.create);
  return 'get' in asks ? JSON.stringify(asks.get) : undefined;
}

/** Shown where a browser does not know passkeys, or has no JavaScript. */
export const WithoutPasskeys = ({ children }: { children: ComponentChildren }) => (
  <noscript>
    <p class="quiet">{children}</p>
  </noscript>
);
