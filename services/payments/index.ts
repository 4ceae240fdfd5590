import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { Uuid } from '#contracts/messages';
import { validated } from '#kit/errors/validation';
import { access } from '#kit/http/access';
import { requestKey, requiredRequestKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import { describe, keyed } from '#kit/http/route-docs';
import type { PaymentsDeps } from './deps';
import * as model from './model';
import * as refunds from './refunds';
import * as service from './service';

const TAG = 'Payments';
const byId = { params: Type.Object({ id: Uuid }) };

export const payments = (deps: PaymentsDeps) =>
  // Elysia's default normalization (exact-mirror) turns a body of another type into an empty object.
  new Elysia({ name: 'payments', normalize: 'typebox' })
    .use(
      platform(deps.runtime, {
        description: 'Payments through a payment provider, and their refunds.',
        schemas: model,
        tags: { Payments: 'Payments and refunds.' },
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/payments',
      ({ caller, body, request, set }) => {
        const key = requiredRequestKey(request, '/payments');
        return sendStored(set, service.createPayment(deps, caller, key, body));
      },
      {
        user: true,
        body: model.NewPayment,
        response: { 202: model.Payment },
        ...keyed('Create a payment (asynchronous)', TAG, { required: true }),
      },
    )
    .get(
      '/payments',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listPayments(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.PaymentPage,
        ...describe('List my payments, newest first', TAG),
      },
    )
    .get('/payments/:id', ({ caller, params }) => service.readPayment(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.PaymentWithRefunds,
      ...describe('Get a payment of mine with its refunds', TAG),
    })
    .post('/payments/:id/cancel', ({ caller, params }) => service.cancelPayment(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Payment,
      ...describe('Cancel my payment before it is processed (idempotent)', TAG),
    })
    .post(
      '/payments/:id/refunds',
      ({ caller, params: { id }, body, request, set }) => {
        const key = requestKey(request, '/payments/:id/refunds');
        // Elysia validates an optional body only where it is an object with members.
        const input = validated(model.NewRefund, body ?? {});
        return sendStored(set, refunds.createRefund(deps, caller, { paymentId: id, key }, input));
      },
      {
        user: true,
        ...byId,
        body: Type.Optional(model.NewRefund),
        response: { 202: model.Refund },
        ...keyed('Refund a payment, whole or in part (asynchronous)', TAG),
      },
    );
