import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { gatewayOptions } from '#kit/http/gateway-options';
import { describe, htmlPage } from '#kit/http/route-docs';
import { mediaTypeOf } from '#kit/text/media-type';
import { confirmationOf } from '../accounts/confirmation';
import { EmailTaken, OwnProfile } from '../accounts/model';
import type { UsersDeps } from '../deps';
import * as model from './model';
import { confirmationPage, confirmedPage, invalidPage, takenPage } from './pages';
import * as service from './service';

/** Limited like other requests that mail a token or redeem one. */
const LIMITED = { rateLimit: 'password-reset' } as const;

/** The verification of email addresses, and their change. */
export const addressRoutes = (deps: UsersDeps) =>
  new Elysia({ name: 'addresses' })
    .use(access(deps.tokens))
    .use(gatewayOptions)

    .put(
      '/users/me/email',
      async ({ caller, body, request, set }) => {
        const confirmation = confirmationOf(request, body.current_password);
        set.status = 202;
        return service.requestAddress(deps, caller, body, confirmation);
      },
      {
        user: true,
        recentSignIn: 'or-password',
        gateway: LIMITED,
        body: model.AddressChange,
        response: { 202: OwnProfile },
        ...describe(
          'Change my email address (it takes effect when the mailed link is confirmed)',
          'Addresses',
        ),
      },
    )
    .post(
      '/users/me/email/verification',
      async ({ caller, set }) => {
        await service.requestVerification(deps, caller);
        set.status = 202;
      },
      {
        user: true,
        gateway: LIMITED,
        ...describe('Request another verification mail', 'Addresses', {
          responses: { 202: { description: 'A link is mailed to the address' } },
        }),
      },
    )
    .get(
      '/users/email/verification',
      async ({ query }) =>
        (await service.isUsable(deps, query.token)) ? confirmationPage(query.token) : invalidPage(),
      {
        public: true,
        query: model.VerificationQuery,
        ...describe('Get the page that a verification link opens', 'Addresses', {
          responses: { 200: htmlPage(), 410: htmlPage('The link cannot be used') },
        }),
      },
    )
    .post(
      '/users/email/verification',
      async ({ body, request, set }) => {
        const isForm = mediaTypeOf(request.headers.get('content-type') ?? '') !== 'application/json';
        const refused = await failureOf(service.confirmAddress(deps, body.token));
        if (!isForm) {
          if (refused !== undefined) throw refused;
          set.status = 204;
          return;
        }
        if (refused === undefined) return confirmedPage();
        return refused instanceof EmailTaken ? takenPage() : invalidPage();
      },
      {
        public: true,
        gateway: LIMITED,
        body: model.Verification,
        ...describe('Verify an email address with the token of a mailed link', 'Addresses', {
          responses: { 200: htmlPage('For the form of the page'), 204: { description: 'For JSON' } },
        }),
      },
    );

/** What a person can do nothing about by sending the form again; other failures are thrown. */
async function failureOf(change: Promise<void>): Promise<Error | undefined> {
  try {
    await change;
    return undefined;
  } catch (failure) {
    if (failure instanceof model.InvalidVerification || failure instanceof EmailTaken) return failure;
    throw failure;
  }
}
