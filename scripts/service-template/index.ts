import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { PageQuery } from '#kit/http/pagination';
import { platform } from '#kit/http/platform';
import { created, noContent, paged } from '#kit/http/responses';
import * as model from './model';
import * as service from './service';

const byId = { params: Type.Object({ id: Type.String({ maxLength: 36 }) }) };
const describe = (summary: string) => ({ detail: { summary, tags: ['Items'] } });

export const exampleItems = (deps: service.ExampleItemsDeps & { tokens: TokenVerifier }) =>
  new Elysia({ name: 'example-items' })
    .use(platform(deps.runtime, { description: 'Named items, each seen by its owner only.' }))
    .use(access(deps.tokens))

    .post(
      '/example-items',
      async ({ caller, body, set }) => {
        const item = await service.createItem(deps, caller, body);
        return created(set, `/example-items/${item.id}`, item);
      },
      { user: true, body: model.NewItem, response: { 201: model.Item }, ...describe('Make an item') },
    )
    .get(
      '/example-items',
      async ({ caller, query, request, set }) =>
        paged(set, request, await service.listItems(deps, caller, query)),
      { user: true, query: PageQuery, response: model.ItemPage, ...describe('My items, newest first') },
    )
    .get('/example-items/:id', ({ caller, params }) => service.readItem(deps, caller, params.id), {
      user: true,
      ...byId,
      response: model.Item,
      ...describe('One of my items'),
    })
    .patch(
      '/example-items/:id',
      ({ caller, params, body }) => service.renameItem(deps, caller, params.id, body),
      {
        user: true,
        ...byId,
        body: model.NewItem,
        response: model.Item,
        ...describe('Rename one of my items'),
      },
    )
    .delete(
      '/example-items/:id',
      ({ caller, params, set }) => noContent(set, service.deleteItem(deps, caller, params.id)),
      { user: true, ...byId, ...describe('Delete one of my items') },
    );
