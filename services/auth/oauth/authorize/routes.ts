import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { inMediaTypes } from '#kit/http/body/read-body';
import { describe } from '#kit/http/route-docs';
import type { AuthDeps } from '../../deps';
import { formOf } from '../../pages/model';
import { seeOther } from '../../pages/next';
import { FORM, pageRoutes, shows, takesForm } from '../../pages/page-routes';
import { AuthorizationQuery } from '../model';
import { AUTHORIZE_PATH, authorize, CONSENT_PATH, decide } from './authorize';
import { parametersIn, withQuery } from './parameters';

export const authorizeRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'authorize' })
    .use(pageRoutes(deps))

    .get(AUTHORIZE_PATH, ({ query, visitor }) => authorize(deps, visitor, parametersIn(query)), {
      query: AuthorizationQuery,
      ...shows('Ask a person for a code (RFC 6749, OpenID Connect)'),
    })
    .post(
      AUTHORIZE_PATH,
      // OpenID Connect Core, 3.1.2.1. A form of another site comes without cookies.
      ({ body }) => seeOther(withQuery(AUTHORIZE_PATH, parametersIn(body))),
      {
        public: true,
        gateway: FORM,
        body: inMediaTypes(AuthorizationQuery, 'application/x-www-form-urlencoded'),
        ...describe('Ask a person for a code, with a form', 'OAuth', {
          responses: { 303: { description: 'To the same with GET' } },
        }),
      },
    )
    .post(
      CONSENT_PATH,
      ({ body, query, visitor }) =>
        decide(deps, visitor, { parameters: parametersIn(query), decision: body.decision }),
      {
        gateway: FORM,
        query: AuthorizationQuery,
        body: formOf({ decision: Type.Union([Type.Literal('allow'), Type.Literal('deny')]) }),
        ...takesForm('Decide what an app may do'),
      },
    );
