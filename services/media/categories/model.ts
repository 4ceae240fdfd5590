import { type Static, Type } from '@sinclair/typebox';
import { t } from 'elysia';
import { Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { nullable } from '#kit/http/schemas';
import { text } from '#kit/text/schema';

export const CategoryNotFound = defineProblem('category.not-found', 404, 'Category not found');
export const CategoryNotEmpty = defineProblem('category.not-empty', 409, 'Category has subcategories');
export const CategoryCycle = defineProblem('category.cycle', 422, 'Category cycle');
export const CategoryTooDeep = defineProblem('category.too-deep', 422, 'Category nesting too deep');
export const TooManyCategories = defineProblem('category.too-many', 409, 'Too many categories');

export const Title = text({ max: 120 });
const ParentId = nullable(Uuid, { description: 'Null at the top level' });

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
  slug: Type.String({ description: 'Unique among siblings' }),
  parent_id: nullable(Type.String()),
  level: Type.Integer({ description: '0 at the top level' }),
  path: Type.String({ examples: ['animals/birds'] }),
  created_at: Type.String({ format: 'date-time' }),
};
export const Category = Type.Object(fields);
export type Category = Static<typeof Category>;

export interface CategoryTree extends Category {
  children: CategoryTree[];
}
/** Not a recursive schema: the documents of several services are merged, where a relative `$ref` would not resolve. */
const CategoryNode = Type.Object({
  ...fields,
  children: Type.Array(Type.Unknown(), { description: 'Subcategories, of the same schema' }),
});

/** Not paginated: their number is limited. */
export const Categories = Type.Object({
  items: Type.Array(Type.Union([CategoryNode, Category])),
  next_cursor: Type.Null(),
});

export const CategoriesQuery = Type.Object({
  flat: Type.Optional(t.BooleanString({ description: 'Return a flat list instead of a tree' })),
});
export const CategoryParams = Type.Object({ id: Type.String({ maxLength: 36 }) });
