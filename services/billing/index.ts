import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { readIdempotencyKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import { invoicePage } from './invoice-page';
import * as model from './model';
import * as service from './service';

const PAGE = '.html';
const byId = { params: Type.Object({ id: Type.String({ maxLength: 41 }) }) };
const describe = (summary: string) => ({ detail: { summary, tags: ['Invoices'] } });
const keyed = (summary: string) => ({
  detail: {
    summary,
    tags: ['Invoices'],
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header' as const,
        description: 'Sent again with the same body within 24 hours, it gets the first answer again',
        schema: { type: 'string' as const, maxLength: 255, example: '5f2b8a3e-invoice' },
      },
    ],
  },
});

export const billing = (deps: service.BillingDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'billing' })
    .use(
      platform(deps.runtime, { description: 'Invoices: one for each payment, and those written by hand.' }),
    )
    .use(access(deps.tokens))

    .post(
      '/invoices',
      ({ caller, body, request, set }) => {
        const key = readIdempotencyKey(request.headers);
        return sendStored(
          set,
          service.createInvoice(deps, caller, body, { key, method: 'POST', route: '/invoices' }),
        );
      },
      {
        user: true,
        body: model.NewInvoice,
        response: { 201: model.Invoice },
        ...keyed('Write an invoice, to myself or, where permitted, to somebody else'),
      },
    )
    .get(
      '/invoices',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listInvoices(deps, caller, query)),
      { user: true, query: PageQuery, response: model.InvoicePage, ...describe('My invoices, newest first') },
    )
    .get(
      '/invoices/:id',
      async ({ caller, params: { id } }) =>
        id.endsWith(PAGE)
          ? invoicePage(await service.readInvoice(deps, caller, id.slice(0, -PAGE.length)))
          : service.readInvoice(deps, caller, id),
      {
        user: true,
        ...byId,
        // A page goes out as it is; only the document has a schema.
        response: Type.Unsafe<model.Invoice | Response>(model.Invoice),
        ...describe('An invoice; with .html behind the id as a page to print'),
      },
    )
    .post('/invoices/:id/pay', ({ caller, params }) => service.payInvoice(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Invoice,
      ...describe('Pay an invoice from my account; again changes nothing'),
    });
