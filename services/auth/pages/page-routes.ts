import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { readClient } from '#kit/http/client-address';
import { gatewayOptions } from '#kit/http/gateway-options';
import { describe, htmlPage } from '#kit/http/route-docs';
import type { AuthDeps } from '../deps';
import { requireFormToken } from './form-tokens';
import { browserOfVisitor, visitorOf } from './visitor';

/** Two passwords of the greatest length, percent-encoded. */
const FORM_BYTES = 128 * 1024;

/**
 * The base of routes of pages: the option `page: true` gives the handler the `visitor`. A form is taken only from our own pages
 * (`Origin`) and with the token of the browser: no route can forget either.
 */
export const pageRoutes = (deps: AuthDeps) =>
  new Elysia({ name: 'page-routes' })
    .use(access(deps.tokens))
    .use(gatewayOptions)
    .macro('page', {
      transform: ({ request }) => void browserOfVisitor(deps, request),
      async resolve({ body, request, server, set }) {
        const { visitor, cookie } = await visitorOf(deps, request, readClient(request, server));
        if (request.method !== 'GET' && request.method !== 'HEAD') requireFormToken(body, visitor.formToken);
        if (cookie !== undefined) set.headers['set-cookie'] = cookie;
        return { visitor };
      },
    });

/** The options of a route that shows a page. */
export const shows = (summary: string) =>
  ({
    public: true,
    page: true,
    ...describe(summary, 'Pages', { responses: { 200: htmlPage() } }),
  }) as const;

/** The options of a route that takes a form of a page. */
export const takesForm = (summary: string) =>
  ({
    public: true,
    page: true,
    ...describe(summary, 'Pages', {
      responses: { 200: htmlPage('A page'), 303: { description: 'To the next page' } },
    }),
  }) as const;

/** The gateway options of a form. */
export const FORM = { bodyBytes: FORM_BYTES } as const;
