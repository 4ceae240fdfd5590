import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { requestKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import { describe, keyed } from '#kit/http/route-docs';
import type { BillingDeps } from './deps';
import { invoicePage } from './invoice-page';
import * as model from './model';
import * as service from './service';

const TAG = 'Invoices';
const PAGE_SUFFIX = '.html';
const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 + PAGE_SUFFIX.length }) }) };

export const billing = (deps: BillingDeps) =>
  new Elysia({ name: 'billing' })
    .use(
      platform(deps.runtime, {
        description: 'Invoices, issued for payments automatically or by request.',
        schemas: model,
        tags: { Invoices: 'Invoices and their payment.' },
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/invoices',
      ({ caller, body, request, set }) => {
        const key = requestKey(request, '/invoices');
        return sendStored(set, service.createInvoice(deps, caller, key, body));
      },
      {
        user: true,
        body: model.NewInvoice,
        response: { 201: model.Invoice },
        ...keyed('Create an invoice for myself or, with permission, for another user', TAG),
      },
    )
    .get(
      '/invoices',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listInvoices(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.InvoicePage,
        ...describe('List my invoices, newest first', TAG),
      },
    )
    .get(
      '/invoices/:id',
      async ({ caller, params: { id } }) =>
        id.endsWith(PAGE_SUFFIX)
          ? invoicePage(await service.readInvoice(deps, caller, id.slice(0, -PAGE_SUFFIX.length)))
          : service.readInvoice(deps, caller, id),
      {
        user: true,
        ...byId,
        // The HTML page is sent as it is; the schema describes the JSON document.
        response: Type.Unsafe<model.Invoice | Response>(model.Invoice),
        ...describe('Get an invoice; append .html to its id for a printable page', TAG),
      },
    )
    .post('/invoices/:id/pay', ({ caller, params }) => service.payInvoice(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Invoice,
      ...describe('Pay an invoice from my account (idempotent)', TAG),
    });
