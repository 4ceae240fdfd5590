import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { gatewayOptions } from '#kit/http/gateway-options';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../../deps';
import { formOf, typed } from '../../pages/model';
import { FORM, pageRoutes, shows, takesForm } from '../../pages/page-routes';
import { requireSignIn } from '../../pages/visitor';
import { authenticateClient } from '../clients';
import { DeviceAuthorization, DeviceAuthorizationForm, OAuthFailure } from '../model';
import { codePage, deviceConsentPage, devicePage } from './page';
import { authorizeDevice, DEVICE_PATH, decideDevice, findWaitingDevice } from './service';
import { userCodeIn } from './user-codes';

const UNKNOWN = [{ field: 'user_code', message: 'This code is unknown or has expired' }];

export const deviceRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'device' })
    .use(access(deps.tokens))
    .use(gatewayOptions)
    .use(pageRoutes(deps))

    .post(
      '/oauth/device_authorization',
      async ({ body, request, set }) => {
        set.headers['cache-control'] = 'no-store';
        const app = await authenticateClient(deps, request.headers.get('authorization'), body);
        return authorizeDevice(deps, app, body.scope);
      },
      {
        public: true,
        gateway: { cors: 'public', bodyBytes: 64 * 1024 },
        body: DeviceAuthorizationForm,
        response: { 200: DeviceAuthorization, 400: OAuthFailure, 401: OAuthFailure },
        ...describe('Begin the sign-in of a device without a browser (RFC 8628)', 'OAuth'),
      },
    )
    .get(
      DEVICE_PATH,
      ({ query, request, visitor }) => {
        const signedIn = requireSignIn(deps, visitor, request);
        return signedIn instanceof Response ? signedIn : codePage(visitor, { value: query.user_code });
      },
      {
        query: Type.Object({ user_code: Type.Optional(Type.String({ maxLength: 32 })) }),
        ...shows('Get the page on which a person enters the code of a device'),
      },
    )
    .post(
      DEVICE_PATH,
      async ({ body, request, visitor }) => {
        const signedIn = requireSignIn(deps, visitor, request);
        if (signedIn instanceof Response) return signedIn;
        const userCode = userCodeIn(body.user_code);
        const device = userCode === undefined ? undefined : await findWaitingDevice(deps, userCode);
        if (device === undefined) return codePage(visitor, { errors: UNKNOWN });
        if (body.decision === undefined) return deviceConsentPage(visitor, device);
        const isAllowed = body.decision === 'allow';
        const decided = await decideDevice(deps, device, { isAllowed, by: signedIn });
        return decided ? devicePage(visitor, { isAllowed }) : codePage(visitor, { errors: UNKNOWN });
      },
      {
        gateway: { ...FORM, rateLimit: 'sign-in' },
        body: formOf({
          user_code: typed(32),
          decision: Type.Optional(Type.Union([Type.Literal('allow'), Type.Literal('deny')])),
        }),
        ...takesForm('Find the device of a code, and allow it or not'),
      },
    );
