import { Elysia } from 'elysia';
import { access } from '#kit/http/access';
import { created, noContent } from '#kit/http/responses';
import { describe } from '#kit/http/route-docs';
import type { MediaDeps } from '../deps';
import * as model from './model';
import * as service from './service';

const byId = { params: model.CategoryParams };

export const categoryRoutes = (deps: Pick<MediaDeps, 'database' | 'tokens'>) =>
  new Elysia({ name: 'categories' })
    .use(access(deps.tokens))
    .post(
      '/categories',
      async ({ body, caller, set }) => {
        const category = await service.createCategory(deps, caller, body);
        return created(set, `/categories/${category.id}`, category);
      },
      {
        user: true,
        scope: 'write:media',
        body: model.NewCategory,
        response: { 201: model.Category },
        ...describe('Create a category', 'Categories'),
      },
    )
    .get(
      '/categories',
      async ({ query }) => ({
        items: query.flat ? await service.listCategories(deps) : await service.readTree(deps),
        next_cursor: null,
      }),
      {
        public: true,
        query: model.CategoriesQuery,
        response: model.Categories,
        ...describe('List all categories, as a tree or flat', 'Categories'),
      },
    )
    .get('/categories/:id', ({ params }) => service.readCategory(deps, params.id), {
      public: true,
      ...byId,
      response: model.Category,
      ...describe('Get a category', 'Categories'),
    })
    .patch(
      '/categories/:id',
      ({ params, body, caller }) => service.changeCategory(deps, caller, params.id, body),
      {
        user: true,
        scope: 'write:media',
        ...byId,
        body: model.CategoryChange,
        response: model.Category,
        ...describe('Rename a category, or move it with its subcategories', 'Categories'),
      },
    )
    .delete(
      '/categories/:id',
      ({ params, caller, set }) => noContent(set, service.deleteCategory(deps, caller, params.id)),
      {
        user: true,
        scope: 'write:media',
        ...byId,
        ...describe('Delete a category; its files are retained', 'Categories'),
      },
    );
