import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { Uuid } from '#contracts/messages';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { readIdempotencyKey, requiredRequestKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { paged } from '#kit/http/responses';
import * as model from './model';
import * as refunds from './refunds';
import * as service from './service';

const byId = { params: Type.Object({ id: Uuid }) };
const describe = (summary: string) => ({ detail: { summary, tags: ['Payments'] } });
const keyed = (summary: string, required: boolean) => ({
  detail: {
    summary,
    tags: ['Payments'],
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header' as const,
        required,
        description: 'Sent again with the same body within 24 hours, it gets the first answer again',
        schema: { type: 'string' as const, maxLength: 255, example: '5f2b8a3e-payment' },
      },
    ],
  },
});

export const payments = (deps: service.PaymentsDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'payments' })
    .use(platform(deps.runtime, { description: 'Payments: money that comes in through a provider.' }))
    .use(access(deps.tokens))

    .post(
      '/payments',
      ({ caller, body, request, set }) => {
        const { key } = requiredRequestKey(request, '/payments');
        return sendStored(
          set,
          service.createPayment(deps, caller, body, { key, method: 'POST', route: '/payments' }),
        );
      },
      {
        user: true,
        body: model.NewPayment,
        response: { 202: model.Payment },
        ...keyed('Pay: taken at once, carried out a moment after', true),
      },
    )
    .get(
      '/payments',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listPayments(deps, caller, query)),
      { user: true, query: PageQuery, response: model.PaymentPage, ...describe('My payments, newest first') },
    )
    .get('/payments/:id', ({ caller, params }) => service.readPayment(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.PaymentWithRefunds,
      ...describe('One of my payments'),
    })
    .post('/payments/:id/cancel', ({ caller, params }) => service.cancelPayment(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Payment,
      ...describe('Cancel my payment while nobody works on it; again changes nothing'),
    })
    .post(
      '/payments/:id/refunds',
      ({ caller, params, request, set }) => {
        const key = readIdempotencyKey(request.headers);
        const route = '/payments/:id/refunds';
        return sendStored(set, refunds.createRefund(deps, caller, params.id, { key, method: 'POST', route }));
      },
      {
        user: true,
        ...byId,
        response: { 202: model.Refund },
        ...keyed('Give a payment back, whole: taken at once, carried out a moment after', false),
      },
    );
