/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import { htmlPage } from '#kit/http/html/page';
import { OUT_OF_BAND, withParameters } from '../../apps/redirect-uris';
import type { AuthDeps } from '../../deps';
import type { RefusedRequest, ReturnPath, UnusableRequest } from './request';

/**
 * Sends the response to the app: with GET, whatever the request was (RFC 9700, section 4.12), and with the issuer, by which an
 * app that uses several notices a mix-up (RFC 9207).
 */
const respond = (
  { settings }: Pick<AuthDeps, 'settings'>,
  { redirectUri, state }: ReturnPath,
  answer: Readonly<Record<string, string>>,
): Response =>
  new Response(null, {
    status: 303,
    headers: {
      location: withParameters(redirectUri, { ...answer, state, iss: settings.issuer }),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    },
  });

export const sendCode = (deps: Pick<AuthDeps, 'settings'>, path: ReturnPath, code: string): Response =>
  path.redirectUri === OUT_OF_BAND ? codePage(code) : respond(deps, path, { code });

export const sendError = (
  deps: Pick<AuthDeps, 'settings'>,
  { path, code, description }: Pick<RefusedRequest, 'path' | 'code' | 'description'>,
): Response =>
  path.redirectUri === OUT_OF_BAND
    ? refusedPage(description)
    : respond(deps, path, { error: code, error_description: description });

/** For apps that no redirect reaches: the person carries the code to them. */
const codePage = (code: string) =>
  htmlPage({
    title: 'Your code',
    body: (
      <Card heading="Your code">
        <p>Copy it into the app that has sent you here. Give it to nobody else.</p>
        <p>
          <code>{code}</code>
        </p>
      </Card>
    ),
  });

const refusedPage = (description: string) =>
  htmlPage({
    title: 'The app was not allowed',
    status: 400,
    body: (
      <Card heading="The app was not allowed">
        <p>{description}</p>
        <p class="quiet">You can close this page.</p>
      </Card>
    ),
  });

export const unusablePage = ({ message }: UnusableRequest) =>
  htmlPage({
    title: 'This link does not work',
    status: 400,
    body: (
      <Card heading="This link does not work">
        <p>{message}</p>
        <p class="quiet">Nothing was allowed. Go back to the app, and tell those who make it.</p>
      </Card>
    ),
  });
