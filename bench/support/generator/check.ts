import type { Expectation } from './plan';

/** How the body of a response differs from what was expected; undefined when it does not. */
export const differenceOf = (body: string, expected: Expectation): string | undefined =>
  expected.items === undefined && expected.fields === undefined
    ? undefined
    : differenceOfValue(JSON.parse(body), expected);

/** Like `differenceOf`, of a parsed body. */
export function differenceOfValue(value: unknown, { items, fields = {} }: Expectation): string | undefined {
  for (const [path, wanted] of Object.entries(fields))
    if (at(value, path) !== wanted) return `${path} is not that of the request`;
  return items === undefined ? undefined : differenceOfItems(at(value, 'items'), items);
}

function differenceOfItems(list: unknown, expected: NonNullable<Expectation['items']>): string | undefined {
  if (!Array.isArray(list)) return 'the response is no list';
  if (list.length < expected.atLeast)
    return `a list has ${list.length} items instead of ${expected.atLeast} or more`;
  const { authors } = expected;
  if (authors === undefined) return undefined;
  const isForeign = list.some((item) => !authors.includes(String(at(item, 'author.username'))));
  return isForeign ? 'a list has an author whom its reader does not follow' : undefined;
}

/** A field of a value of any type, by its path. */
const at = (value: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>(
      (inner, name) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, name) : undefined),
      value,
    );
