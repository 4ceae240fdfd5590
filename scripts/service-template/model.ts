import { type Static, Type } from '@sinclair/typebox';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';

export const ItemNotFound = defineProblem('example-items.not-found', 404, 'Item not found');

export const NewItem = Type.Object({
  name: Type.String({
    minLength: 1,
    maxLength: 100,
    error: '1 to 100 characters',
    examples: ['A first item'],
  }),
});
export type NewItem = Static<typeof NewItem>;

export const Item = Type.Object({
  id: Type.String(),
  name: Type.String({ examples: ['A first item'] }),
  created_at: Type.String({ format: 'date-time' }),
});
export type Item = Static<typeof Item>;

export const ItemPage = PageOf(Item);
