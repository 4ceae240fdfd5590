import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../../deps';
import { FORM, pageRoutes, shows, takesForm } from '../page-routes';
import { requireSignIn } from '../visitor';
import * as changes from './changes';
import * as model from './model';
import script from './script.browser.js' with { type: 'text' };
import { signInByPasskey } from './sign-in';

const ETAG = `"${new Bun.CryptoHasher('sha256').update(script).digest('base64url')}"`;

export const passkeyPages = (deps: AuthDeps) =>
  new Elysia({ name: 'passkey-pages' })
    .use(access(deps.tokens))
    .use(pageRoutes(deps))

    .get('/auth/passkeys.js', ({ headers }) => scriptFor(headers['if-none-match']), {
      public: true,
      ...describe('Get the script of pages that ask for a passkey', 'Passkeys', {
        responses: {
          200: { description: 'The script', content: { 'text/javascript': { schema: { type: 'string' } } } },
          304: { description: 'It has not changed' },
        },
      }),
    })
    .post('/auth/sign-in/passkey', ({ body, visitor }) => signInByPasskey(deps, visitor, body), {
      gateway: { ...FORM, rateLimit: 'sign-in' },
      body: model.PasskeySignInForm,
      ...takesForm('Sign in with a passkey on the page'),
    })

    .get(
      '/auth/account/passkeys',
      ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        return session instanceof Response ? session : changes.showPasskeys(deps, visitor, session);
      },
      shows('Get the page of my passkeys'),
    )
    .get(
      '/auth/account/passkeys/add',
      ({ visitor, request }) => {
        const session = requireSignIn(deps, visitor, request, RECENT);
        return session instanceof Response ? session : changes.showAddPasskey(deps, visitor, session);
      },
      shows('Get the page to register a passkey on'),
    )
    .post(
      '/auth/account/passkeys/add',
      ({ body, visitor, request }) => {
        const session = requireSignIn(deps, visitor, request, RECENT);
        return session instanceof Response ? session : changes.addByForm(deps, visitor, session, body);
      },
      { gateway: FORM, body: model.AddPasskeyForm, ...takesForm('Register a passkey on the page') },
    )
    .post(
      '/auth/account/passkeys/rename',
      ({ body, visitor, request }) => {
        const session = requireSignIn(deps, visitor, request);
        return session instanceof Response ? session : changes.renameByForm(deps, visitor, session, body);
      },
      { gateway: FORM, body: model.RenamePasskeyForm, ...takesForm('Rename a passkey on the page') },
    )
    .post(
      '/auth/account/passkeys/remove',
      ({ body, visitor, request }) => {
        const session = requireSignIn(deps, visitor, request, RECENT);
        return session instanceof Response ? session : changes.removeByForm(deps, visitor, session, body.id);
      },
      { gateway: FORM, body: model.RemovePasskeyForm, ...takesForm('Remove a passkey on the page') },
    );

/** What changes the ways to sign in. */
const RECENT = { recent: true };

function scriptFor(known: string | undefined): Response {
  const headers = { etag: ETAG, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' };
  if (known === ETAG) return new Response(null, { status: 304, headers });
  return new Response(script, {
    headers: { ...headers, 'content-type': 'text/javascript; charset=utf-8' },
  });
}
