import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import type { Logger } from '../../core/log';
import { describeError } from '../../errors/describe-error';
import { type Page, toPage } from './pagination';

interface CheckedRows<Row, Item> {
  /** The sort key of a row, unique within the list. */
  readonly keyOf: (row: Row) => readonly string[];
  readonly toItem: (row: Row) => Item;
  readonly log: Logger;
}

/**
 * Pages like those of `toPage`, without the rows that no longer satisfy what the route promises: an earlier version may
 * have accepted more. Such a row is left out and logged by its key; it does not take the whole page with it.
 *
 * @param schema of one item, as the response of the route names it
 */
export function checkedPages<Item extends TSchema>(schema: Item) {
  let compiled: TypeCheck<Item> | undefined;
  return <Row>(
    rows: readonly Row[],
    limit: number,
    { keyOf, toItem, log }: CheckedRows<Row, Static<Item>>,
  ): Page<Static<Item>> => {
    compiled ??= TypeCompiler.Compile(schema);
    const check = compiled;
    const itemsOf = (row: Row): Static<Item>[] => {
      try {
        const item = toItem(row);
        const error = check.Errors(item).First();
        if (error === undefined) return [item];
        log.error({ key: keyOf(row), field: error.path }, LEFT_OUT);
      } catch (failure) {
        log.error({ key: keyOf(row), err: describeError(failure) }, LEFT_OUT);
      }
      return [];
    };
    const page = toPage(rows, limit, keyOf, itemsOf);
    return { items: page.items.flat(), next_cursor: page.next_cursor };
  };
}

const LEFT_OUT = 'stored row does not satisfy the schema of its list; left out of the page';
