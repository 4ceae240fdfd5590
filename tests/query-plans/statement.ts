/**
 * A statement without its values: the same for all calls of one use case.
 *
 * @param text as the server received it
 */
export const shapeOf = (text: string): string =>
  text
    .replaceAll(/\/\*.*?\*\//g, ' ')
    .replaceAll(/x'[0-9a-f]*'/gi, '?')
    .replaceAll(/'(?:[^'\\]|\\.|'')*'/gs, '?')
    .replaceAll(/(?<![\w`.])-?\d+(?:\.\d+)?\b/g, '?')
    .replaceAll(/\(\s*\?(?:\s*,\s*\?)*\s*\)/g, '(?)')
    .replaceAll(/\(\?\)(?:\s*,\s*\(\?\))+/g, '(?)')
    .replaceAll(/\s+/g, ' ')
    .trim();

/** Words that may follow a table's name and are no alias of it. */
const NO_ALIAS =
  /^(where|set|force|use|inner|left|right|cross|straight_join|join|on|order|group|limit|union|values|select|for|as|having)$/i;
const TABLE =
  /(?<!\b(?:key|for) )\b(?:from|join|into|update)\s+`?(?<table>\w+)`?(?!\s*\()(?:\s+(?:as\s+)?`?(?<alias>\w+)`?)?/gi;

/** A table of a statement, and the columns whose values it says. */
export interface NamedTable {
  readonly table: string;
  readonly columns: ReadonlySet<string>;
}

/**
 * The tables of a statement, each with the columns that it sets equal to values or to columns of another table, or lists in
 * an INSERT.
 *
 * @param shape of `shapeOf`
 */
export function tablesIn(shape: string): NamedTable[] {
  const named = [...shape.matchAll(TABLE)].flatMap(({ groups = {} }) => {
    const { table = '', alias } = groups;
    if (!isStored(table, shape)) return [];
    return [{ table, alias: alias === undefined || NO_ALIAS.test(alias) ? table : alias }];
  });
  const isOnly = new Set(named.map(({ alias }) => alias)).size === 1;
  return named.map(({ table, alias }) => ({
    table,
    columns: new Set([...insertedInto(shape, table), ...comparedIn(shape, alias, isOnly)]),
  }));
}

/** Whether a name is not that of a common table expression, or of no table at all. */
const isStored = (name: string, shape: string): boolean =>
  name.toLowerCase() !== 'dual' && !new RegExp(`\\b(?:with|recursive) ${name}\\b`, 'i').test(shape);

function insertedInto(shape: string, table: string): string[] {
  const [, columns = ''] =
    new RegExp(`^insert (?:ignore )?into \`?${table}\`? \\(([^)]*)\\)`, 'i').exec(shape) ?? [];
  return [...columns.matchAll(/`(\w+)`/g)].map(([, column = '']) => column);
}

/** `table`.`column` = ?, in (…), or = `other`.`column` on either side. */
function comparedIn(shape: string, alias: string, isOnly: boolean): string[] {
  const qualifier = isOnly ? `(?:\`?${alias}\`?\\.)?` : `\`?${alias}\`?\\.`;
  const column = `(?<![\\w.\`])${qualifier}\`?(\\w+)\`?`;
  // What an UPDATE assigns, it does not look for.
  const conditions = shape.replace(/^(update \S+) set .*? where /i, '$1 where ');
  return [
    ...conditions.matchAll(new RegExp(`${column} (?:=|in) (?:\\?|\\(|\`|\\w+\\.)`, 'gi')),
    ...conditions.matchAll(new RegExp(`= ${column}`, 'gi')),
  ].map(([, name = '']) => name);
}
