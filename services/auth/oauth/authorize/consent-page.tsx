/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import { formActionOf, OUT_OF_BAND } from '../../apps/redirect-uris';
import type { BrowserSession } from '../../pages/browser-sessions';
import { Form, visitorPage } from '../../pages/layout';
import type { Visitor } from '../../pages/visitor';
import { Decision, Origin, ScopeList } from '../consent-parts';
import type { AuthorizationRequest } from './request';

/** Asks a person whether an app may have what it asks for. */
export const consentPage = (
  visitor: Visitor,
  { username }: BrowserSession,
  { request, action }: { request: AuthorizationRequest; action: string },
): Response => {
  const { app, redirectUri, scopes } = request;
  return visitorPage(visitor, {
    title: `Allow ${app.name}`,
    formAction: formActionOf(redirectUri),
    body: (
      <Card heading={`Allow ${app.name} to use your account?`}>
        <Origin app={app} />
        <p>
          It asks to do this as <b>{username}</b>:
        </p>
        <ScopeList scopes={scopes} />
        <p class="quiet">{destinationOf(redirectUri)}</p>
        <Form visitor={visitor} action={action}>
          <Decision />
        </Form>
        <p class="quiet">You can end it at any time under “Apps” in your account.</p>
      </Card>
    ),
  });
};

/** Where the browser goes next: all that is certain of an app. */
function destinationOf(redirectUri: string): string {
  if (redirectUri === OUT_OF_BAND) return 'You get a code, which you copy into the app.';
  const { protocol, host } = new URL(redirectUri);
  if (protocol === 'https:') return `You are then sent to ${host}.`;
  return protocol === 'http:'
    ? 'You are then sent to a program on this computer.'
    : `You are then sent to an app on this device (${protocol.slice(0, -1)}).`;
}
