import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { Uuid } from '#contracts/messages';
import { Currency } from '#contracts/money';
import { access } from '#kit/http/access';
import { requestKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { created, paged } from '#kit/http/responses';
import { describe, keyed } from '#kit/http/route-docs';
import type { AccountsDeps } from './deps';
import * as model from './model';
import { findPayee } from './payees';
import * as service from './service';
import * as transactions from './transactions';
import * as users from './users';

const NOT_OURS = 'An account of somebody else answers like one that does not exist; operators may read all.';

const byId = { params: Type.Object({ id: Uuid }) };
/** The users and auth services own these paths at the root; these are reachable below `/accounts` only. */
const prefixOnly = { gateway: { prefixOnly: true } } as const;

export const accounts = (deps: AccountsDeps) =>
  new Elysia({ name: 'accounts' })
    .use(
      platform(deps.runtime, {
        description: 'Accounts and transactions on a double-entry ledger.',
        schemas: model,
        tags: {
          Users: 'Registration by phone number, and users with their account.',
          Accounts: 'Accounts, their balances and entries.',
          Transactions: 'Deposits and transfers.',
          Keys: 'Public keys for token verification.',
        },
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/users',
      async ({ body, set }) => {
        const user = await users.registerByPhone(deps, body);
        return created(set, `/accounts/users/${user.id}`, user);
      },
      {
        public: true,
        gateway: { prefixOnly: true, rateLimit: 'registration' },
        body: model.PhoneRegistration,
        response: { 201: model.UserWithAccount },
        ...describe('Register with a phone number and open an account', 'Users'),
      },
    )
    .get('/users/me', ({ caller }) => users.readUser(deps, caller, caller.id), {
      user: true,
      ...prefixOnly,
      response: model.UserWithAccount,
      ...describe('Get my user and account', 'Users'),
    })
    .get('/users/:id', ({ caller, params }) => users.readUser(deps, caller, params.id), {
      user: true,
      ...prefixOnly,
      ...byId,
      response: model.UserWithAccount,
      ...describe('Get a user and, as this user, their account', 'Users'),
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
        ...prefixOnly,
        response: model.KeySet,
        ...describe('Get the public keys for token verification (RFC 7517)', 'Keys'),
      },
    )

    .post(
      '/accounts',
      async ({ caller, body, set }) => {
        const account = await service.openOwnAccount(deps, caller, body);
        return created(set, `/accounts/${account.id}`, account);
      },
      {
        user: true,
        body: model.NewAccount,
        response: { 201: model.Account },
        ...describe('Open my account in a currency, or return the existing one', 'Accounts'),
      },
    )
    .get('/accounts/payee', ({ query }) => findPayee(deps, query), {
      user: true,
      query: model.PayeeQuery,
      response: model.Payee,
      ...describe('Find where to pay a person', 'Accounts', {
        description:
          "All that the accounts of others show: the receiver of a transfer, to check the holder's name before.",
      }),
    })
    .get(
      '/accounts/user/:user_id',
      ({ caller, params, query }) => service.readAccountOf(deps, caller, params.user_id, query.currency),
      {
        user: true,
        params: Type.Object({ user_id: Uuid }),
        query: Type.Object({ currency: Type.Optional(Currency) }),
        response: model.Account,
        ...describe('Get my account by my user ID', 'Accounts', { description: NOT_OURS }),
      },
    )
    .get('/accounts/:id', ({ caller, params }) => service.readAccount(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Account,
      ...describe('Get an account of mine', 'Accounts', { description: NOT_OURS }),
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
        ...describe('List the entries of my account, newest first', 'Accounts'),
      },
    )
    .post(
      '/accounts/:id/deposits',
      ({ caller, params: { id }, body, request, set }) => {
        const key = requestKey(request, '/accounts/:id/deposits');
        return sendStored(set, transactions.createDeposit(deps, caller, { accountId: id, key }, body));
      },
      {
        permission: 'accounts:deposit',
        ...byId,
        body: model.NewDeposit,
        response: { 201: model.Transaction },
        ...keyed('Deposit money from outside the system', 'Transactions'),
      },
    )

    .post(
      '/transactions',
      ({ caller, body, request, set }) => {
        const key = requestKey(request, '/transactions');
        return sendStored(set, transactions.createTransaction(deps, caller, key, body));
      },
      {
        user: true,
        body: model.NewTransaction,
        response: { 201: model.Transaction },
        ...keyed('Transfer money from my account', 'Transactions'),
      },
    )
    .get('/transactions/:id', ({ caller, params }) => transactions.readTransaction(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Transaction,
      ...describe('Get a transaction I am a party to', 'Transactions'),
    })
    .post(
      '/transactions/:id/post',
      ({ caller, params }) => transactions.postTransaction(deps, caller, params.id),
      {
        user: true,
        ...byId,
        response: model.Transaction,
        ...describe('Post my pending transaction (idempotent)', 'Transactions'),
      },
    )
    .post(
      '/transactions/:id/void',
      ({ caller, params }) => transactions.voidTransaction(deps, caller, params.id),
      {
        user: true,
        ...byId,
        response: model.Transaction,
        ...describe('Void a pending transaction, as its sender or receiver (idempotent)', 'Transactions'),
      },
    );
