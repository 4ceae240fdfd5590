import { type Argument, type Expression, type Program, parseSync, Visitor } from 'oxc-parser';

/** A regular expression as it stands in a source file. */
export interface Found {
  /** `file:line`. */
  readonly at: string;
  readonly source: string;
  readonly flags: string;
}

export interface Extracted {
  readonly found: readonly Found[];
  /** Those that are put together while the program runs, as `file:line`: nobody can say what they will be. */
  readonly dynamic: readonly string[];
}

/** What compiles a text as a pattern: schemas of TypeBox, and the functions of this project that make them. */
const SCHEMA_MAKERS = /^(?:(?:Type|t)\.String|text|line|shortText)$/;

/**
 * The regular expressions of a source file: literals, `RegExp(…)` and the `pattern` of a schema. Where one is put together
 * from constants of the same file, it is evaluated.
 */
export function extractExpressions(file: string, text: string): Extracted {
  const { program, errors } = parseSync(file, text);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message}`);
  const constants = constantsOf(program);
  const found: Found[] = [];
  const dynamic: string[] = [];
  const add = (start: number, source: string | undefined, flags: string | undefined) => {
    const at = `${file}:${text.slice(0, start).split('\n').length}`;
    if (source === undefined || flags === undefined) dynamic.push(at);
    else found.push({ at, source, flags });
  };
  const construct = (start: number, [source, flags]: readonly Argument[]) => {
    // Its literal is found by itself.
    if (isRegExpLiteral(source)) return;
    add(start, textOf(source, constants), flags === undefined ? '' : textOf(flags, constants));
  };
  new Visitor({
    Literal(node) {
      if ('regex' in node) add(node.start, node.regex.pattern, node.regex.flags);
    },
    NewExpression(node) {
      if (nameOf(node.callee) === 'RegExp') construct(node.start, node.arguments);
    },
    CallExpression(node) {
      const callee = nameOf(node.callee);
      if (callee === 'RegExp' || callee === 'Type.RegExp') construct(node.start, node.arguments);
      if (!SCHEMA_MAKERS.test(callee)) return;
      for (const argument of node.arguments)
        if (argument.type === 'ObjectExpression')
          for (const property of argument.properties)
            if (property.type === 'Property' && nameOf(property.key) === 'pattern')
              add(property.start, textOf(property.value, constants), 'u');
    },
  }).visit(program);
  return { found, dynamic };
}

const isRegExpLiteral = (node: Argument | undefined): boolean => node?.type === 'Literal' && 'regex' in node;

/** `a` or `a.b`; empty for anything else. */
function nameOf(node: { type: string; name?: unknown; object?: unknown; property?: unknown }): string {
  if (node.type === 'Identifier') return String(node.name);
  if (node.type !== 'MemberExpression') return '';
  return [node.object, node.property].map((part) => nameOf(part as Parameters<typeof nameOf>[0])).join('.');
}

type Constants = ReadonlyMap<string, Expression>;

/** The constants of a file, at its top or within. One name with two values is none. */
function constantsOf(program: Program): Constants {
  const constants = new Map<string, Expression>();
  const ambiguous = new Set<string>();
  new Visitor({
    VariableDeclaration({ kind, declarations }) {
      for (const { id, init } of declarations) {
        if (id.type !== 'Identifier') continue;
        if (kind !== 'const' || init === null || constants.has(id.name)) ambiguous.add(id.name);
        else constants.set(id.name, init);
      }
    },
  }).visit(program);
  for (const name of ambiguous) constants.delete(name);
  return constants;
}

/** The text that an expression of constants stands for; undefined for any other. */
function textOf(node: Expression | Argument | undefined, constants: Constants): string | undefined {
  switch (node?.type) {
    case 'Literal':
      return typeof node.value === 'string' ? node.value : undefined;
    case 'Identifier': {
      const value = constants.get(node.name);
      return value === undefined ? undefined : textOf(value, constants);
    }
    case 'TemplateLiteral':
      return joined(
        node.quasis.map(({ value }) => value.cooked),
        node.expressions,
        constants,
      );
    case 'TaggedTemplateExpression':
      if (nameOf(node.tag) !== 'String.raw') return undefined;
      return joined(
        node.quasi.quasis.map(({ value }) => value.raw),
        node.quasi.expressions,
        constants,
      );
    default:
      return undefined;
  }
}

function joined(
  texts: readonly (string | null)[],
  expressions: readonly Expression[],
  constants: Constants,
): string | undefined {
  const values = expressions.map((expression) => textOf(expression, constants));
  if (values.includes(undefined) || texts.includes(null)) return undefined;
  return texts.map((text, index) => `${text}${values[index] ?? ''}`).join('');
}
