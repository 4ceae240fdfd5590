import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { created, noContent } from '#kit/http/responses';
import type { Database } from '#kit/mysql/database';
import * as categories from './categories';
import * as model from './categories-model';

const byId = { params: model.CategoryParams };
const describe = (summary: string) => ({ detail: { summary, tags: ['Categories'] } });

/** What files are sorted into. */
export const categoryRoutes = (deps: { database: Database; tokens: TokenVerifier }) =>
  new Elysia({ name: 'categories' })
    .use(access(deps.tokens))
    .post(
      '/categories',
      async ({ body, caller, set }) => {
        const category = await categories.createCategory(deps, body, caller);
        return created(set, `/categories/${category.id}`, category);
      },
      {
        user: true,
        body: model.NewCategory,
        response: { 201: model.Category },
        ...describe('Make a category'),
      },
    )
    .get(
      '/categories',
      async ({ query }) => ({
        items: query.flat ? await categories.listCategories(deps) : await categories.readTree(deps),
        next_cursor: null,
      }),
      {
        public: true,
        query: model.CategoriesQuery,
        response: model.Categories,
        ...describe('All categories, as a tree or in one list'),
      },
    )
    .get('/categories/:id', ({ params }) => categories.readCategory(deps, params.id), {
      public: true,
      ...byId,
      response: model.Category,
      ...describe('A category'),
    })
    .patch(
      '/categories/:id',
      ({ params, body, caller }) => categories.changeCategory(deps, params.id, body, caller),
      {
        user: true,
        ...byId,
        body: model.CategoryChange,
        response: model.Category,
        ...describe('Rename a category, or move it with all that is below it'),
      },
    )
    .delete(
      '/categories/:id',
      ({ params, caller, set }) => noContent(set, categories.deleteCategory(deps, params.id, caller)),
      { user: true, ...byId, ...describe('Delete a category; its files stay, without one') },
    );
