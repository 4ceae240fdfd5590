import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { Uuid } from '#contracts/messages';
import { Currency } from '#contracts/money';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { readIdempotencyKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { created, paged } from '#kit/http/responses';
import * as model from './model';
import * as people from './people';
import * as service from './service';

const byId = { params: Type.Object({ id: Uuid }) };
const describe = (summary: string, tag: string) => ({ detail: { summary, tags: [tag] } });
/** Users owns these paths at the root; here they are reached below `/accounts`. */
const belowPrefix = (summary: string, tag: string) => ({
  detail: { summary, tags: [tag], 'x-prefix-only': true },
});
const keyed = (summary: string) => ({
  detail: {
    summary,
    tags: ['Transactions'],
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header' as const,
        description: 'Sent again with the same body within 24 hours, it gets the first answer again',
        schema: { type: 'string' as const, maxLength: 255, example: '5f2b8a3e-transfer' },
      },
    ],
  },
});
const registering = belowPrefix('Register with a phone number, and open an account', 'People').detail;
const requestKey = (request: Request, route: string): service.RequestKey => ({
  key: readIdempotencyKey(request.headers),
  method: 'POST',
  route,
});

export const accounts = (deps: service.AccountsDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'accounts' })
    .use(platform(deps.runtime, { description: 'Accounts and the money on them: a double-entry ledger.' }))
    .use(access(deps.tokens))

    .post(
      '/users',
      async ({ body, set }) => {
        const person = await people.registerByPhone(deps, body);
        return created(set, `/accounts/users/${person.id}`, person);
      },
      {
        public: true,
        body: model.NewPerson,
        response: { 201: model.Person },
        detail: { ...registering, 'x-rate-limit': 'registration' },
      },
    )
    .get('/users/me', ({ caller }) => people.readPerson(deps, caller, caller.id), {
      user: true,
      response: model.Person,
      ...belowPrefix('Me and my account', 'People'),
    })
    .get('/users/:id', ({ caller, params }) => people.readPerson(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Person,
      ...belowPrefix('Somebody and their account; balances are shown to its owner only', 'People'),
    })
    .get(
      '/.well-known/jwks.json',
      async ({ set }) => {
        const { keys } = await deps.fetchKeys();
        set.headers['cache-control'] = 'public, max-age=300';
        return { keys: keys.map((key) => ({ ...key })) };
      },
      {
        public: true,
        response: model.KeySet,
        ...belowPrefix('The keys to check tokens with (RFC 7517), as auth has them', 'Keys'),
      },
    )

    .post(
      '/accounts',
      async ({ caller, body, set }) => {
        const account = await service.openAccount(deps, caller.id, body.currency);
        return created(set, `/accounts/${account.id}`, service.accountView(account, caller));
      },
      {
        user: true,
        body: model.NewAccount,
        response: { 201: model.Account },
        ...describe(
          'Open my account in a currency; there is one for each, and again it is the same',
          'Accounts',
        ),
      },
    )
    .get(
      '/accounts/user/:user_id',
      ({ caller, params, query }) => service.readAccountOf(deps, caller, params.user_id, query.currency),
      {
        user: true,
        params: Type.Object({ user_id: Uuid }),
        query: Type.Object({ currency: Type.Optional(Currency) }),
        response: model.Account,
        ...describe("Somebody's account; balances are shown to its owner only", 'Accounts'),
      },
    )
    .get('/accounts/:id', ({ caller, params }) => service.readAccount(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Account,
      ...describe('An account; balances are shown to its owner only', 'Accounts'),
    })
    .get(
      '/accounts/:id/entries',
      async ({ caller, params, query, request, set }) =>
        paged(set, request, await service.listEntries(deps, caller, params.id, query)),
      {
        user: true,
        ...byId,
        query: PageQuery,
        response: model.EntryPage,
        ...describe('The statement of my account, newest first', 'Accounts'),
      },
    )
    .post(
      '/accounts/:id/deposits',
      ({ caller, params, body, request, set }) =>
        sendStored(
          set,
          service.createDeposit(deps, caller, params.id, body, requestKey(request, '/accounts/:id/deposits')),
        ),
      {
        permission: 'accounts:deposit',
        ...byId,
        body: model.NewDeposit,
        response: { 201: model.Transaction },
        ...keyed('Bring money in from outside'),
      },
    )

    .post(
      '/transactions',
      ({ caller, body, request, set }) =>
        sendStored(set, service.createTransaction(deps, caller, body, requestKey(request, '/transactions'))),
      {
        user: true,
        body: model.NewTransaction,
        response: { 201: model.Transaction },
        ...keyed('Send money from my account'),
      },
    )
    .get('/transactions/:id', ({ caller, params }) => service.readTransaction(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Transaction,
      ...describe('A transaction I have part in', 'Transactions'),
    })
    .post(
      '/transactions/:id/post',
      ({ caller, params }) => service.postTransaction(deps, caller, params.id),
      {
        user: true,
        ...byId,
        response: model.Transaction,
        ...describe('Let the money of my pending transaction go; again changes nothing', 'Transactions'),
      },
    )
    .post(
      '/transactions/:id/void',
      ({ caller, params }) => service.voidTransaction(deps, caller, params.id),
      {
        user: true,
        ...byId,
        response: model.Transaction,
        ...describe('Take my pending transaction back, or refuse it; again changes nothing', 'Transactions'),
      },
    );
