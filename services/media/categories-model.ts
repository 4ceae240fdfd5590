import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';

export const CategoryNotFound = defineProblem('category.not-found', 404, 'There is no such category');
export const CategoryNotEmpty = defineProblem(
  'category.not-empty',
  409,
  'There are categories below this one',
);
export const CategoryCycle = defineProblem('category.cycle', 422, 'A category cannot be below itself');
export const CategoryTooDeep = defineProblem('category.too-deep', 422, 'Categories cannot be nested so deep');
export const TooManyCategories = defineProblem(
  'category.too-many',
  409,
  'There are as many categories as there may be',
);

const Title = Type.String({ minLength: 1, maxLength: 120, pattern: '\\S' });
const ParentId = Type.Union([Uuid, Type.Null()], { description: 'Null at the top' });

export const NewCategory = Type.Object({ title: Title, parent_id: Type.Optional(ParentId) });
export type NewCategory = Static<typeof NewCategory>;

export const CategoryChange = Type.Object(
  { title: Type.Optional(Title), parent_id: Type.Optional(ParentId) },
  { additionalProperties: false, minProperties: 1 },
);
export type CategoryChange = Static<typeof CategoryChange>;

const fields = {
  id: Type.String(),
  title: Type.String(),
  slug: Type.String({ description: 'Unique among those with the same parent' }),
  parent_id: Type.Union([Type.String(), Type.Null()]),
  level: Type.Integer({ description: '0 at the top' }),
  path: Type.String({ examples: ['animals/birds'] }),
  created_at: Type.String({ format: 'date-time' }),
};
export const Category = Type.Object(fields);
export type Category = Static<typeof Category>;

export interface CategoryTree extends Category {
  children: CategoryTree[];
}
/** Not as a recursive schema: documents of several services are merged, in which a relative `$ref` leads nowhere. */
const CategoryNode = Type.Object({
  ...fields,
  children: Type.Array(Type.Unknown(), { description: 'Categories below it, each like this one' }),
});

/** All of them: there are few enough. */
export const Categories = Type.Object({
  items: Type.Array(Type.Union([CategoryNode, Category])),
  next_cursor: Type.Null(),
});

export const CategoriesQuery = Type.Object({
  flat: Type.Optional(
    t.BooleanString({ description: 'All in one list, instead of those at the top with `children`' }),
  ),
});
export const CategoryParams = Type.Object({ id: Type.String({ maxLength: 36 }) });
