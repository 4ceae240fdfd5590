import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { requestKey, sendStored } from '#kit/http/idempotency';
import { PageQuery } from '#kit/http/lists/pagination';
import { platform } from '#kit/http/platform';
import { noContent, paged } from '#kit/http/responses';
import { describe, keyed } from '#kit/http/route-docs';
import type { ExampleItemsDeps } from './deps';
import * as model from './model';
import * as service from './service';

const TAG = 'Items';
const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };

export const exampleItems = (deps: ExampleItemsDeps) =>
  new Elysia({ name: 'example-items' })
    .use(
      platform(deps.runtime, {
        description: 'Named items, visible to their owner only.',
        schemas: model,
        tags: { [TAG]: 'Items of a user.' },
      }),
    )
    .use(access(deps.tokens))

    .post(
      '/example-items',
      ({ caller, body, request, set }) => {
        const key = requestKey(request, '/example-items');
        return sendStored(set, service.createItem(deps, caller, key, body));
      },
      { user: true, body: model.NewItem, response: { 201: model.Item }, ...keyed('Create an item', TAG) },
    )
    .get(
      '/example-items',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listItems(deps, caller, query)),
      {
        user: true,
        query: PageQuery,
        response: model.ItemPage,
        ...describe('List my items, newest first', TAG),
      },
    )
    .get('/example-items/:id', ({ caller, params }) => service.readItem(deps, caller, params.id), {
      user: true,
      // A slow read is hedged: after this time the gateway sends it to a second instance as well.
      gateway: { hedgeMs: 250 },
      ...byId,
      response: model.Item,
      ...describe('Get an item of mine', TAG),
    })
    .patch(
      '/example-items/:id',
      ({ caller, params, body }) => service.renameItem(deps, caller, params.id, body),
      {
        user: true,
        ...byId,
        body: model.NewItem,
        response: model.Item,
        ...describe('Rename an item of mine', TAG),
      },
    )
    .delete(
      '/example-items/:id',
      ({ caller, params, set }) => noContent(set, service.deleteItem(deps, caller, params.id)),
      { user: true, ...byId, ...describe('Delete an item of mine', TAG) },
    );
