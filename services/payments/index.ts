import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { Uuid } from '#contracts/messages';
import { validated } from '#kit/errors/validation';
import { access } from '#kit/http/access';
import { requestKey, requiredRequestKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { noContent, paged } from '#kit/http/responses';
import { describe, header, keyed } from '#kit/http/route-docs';
import type { PaymentsDeps } from './deps';
import * as model from './model';
import * as refunds from './refunds';
import * as service from './service';
import { receiveWebhook, WEBHOOK_BODY_BYTES } from './webhooks/service';

const TAG = 'Payments';
/** The signature is of the bytes as they were sent. This stops the framework from parsing them. */
const leaveUnread = () => null;
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
    )
    .post(
      '/payments/webhooks/stripe',
      async ({ request, set }) => {
        const bytes = new Uint8Array(await request.arrayBuffer());
        const signed = { bytes, header: request.headers.get('stripe-signature') };
        return noContent(set, receiveWebhook(deps, signed));
      },
      {
        public: true,
        gateway: { bodyBytes: WEBHOOK_BODY_BYTES },
        parse: leaveUnread,
        ...describe('Receive an event of Stripe', TAG, {
          description:
            'The endpoint to register at Stripe for `payment_intent.*` and `refund.*`. Events of other types are ' +
            'acknowledged without effect, as is one that has been received before. Without PAYMENT_PROVIDER=stripe: 404.',
          parameters: [
            header(
              'Stripe-Signature',
              'HMAC-SHA256 of the time and the body, at most five minutes old; without a valid one: 400',
              { type: 'string', example: 't=1764450000,v1=5257a869e7ec' },
              true,
            ),
          ],
          requestBody: {
            required: true,
            content: {
              'application/json': { schema: Type.Object({ id: Type.String(), type: Type.String() }) },
            },
          },
        }),
      },
    );
