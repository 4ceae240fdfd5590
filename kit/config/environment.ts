/** One variable: how it reads its text, what it is when unset, and whether that default is for development only. */
export interface Field<Value> {
  readonly parse: (text: string) => Value | { readonly problem: string };
  readonly fallback: Value | undefined;
  readonly developmentOnly?: boolean;
  /** In production it has to be set, to whatever value: nobody should run with this default unawares. */
  readonly chosenInProduction?: boolean;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
export type Environment<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer V> ? V : never;
};

/** sysexits.h EX_CONFIG: supervisors can tell a configuration fault from a crash. */
const EXIT_CONFIGURATION = 78;

/**
 * Reads a process's environment once. Reports every problem at once on stderr and exits with 78, so that
 * nobody mends a configuration one variable at a time. Values are never printed: they may be secrets.
 */
export function readEnv<const F extends Fields>(
  fields: F,
  source: NodeJS.ProcessEnv = process.env,
): Environment<F> {
  const { values, problems } = parseEnvironment(fields, source);
  if (problems.length > 0) {
    console.error(`This process cannot start:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    console.error('Every variable is described in .env.example.');
    process.exit(EXIT_CONFIGURATION);
  }
  return values;
}

/** The pure half of `readEnv`: the values, and one sentence for each problem found. */
export function parseEnvironment<const F extends Fields>(
  fields: F,
  source: NodeJS.ProcessEnv,
): { values: Environment<F>; problems: string[] } {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  const production = source.NODE_ENV === 'production';
  for (const [name, field] of Object.entries(fields)) {
    const text = source[name];
    if (text === undefined || text === '') {
      values[name] = field.fallback;
      if (field.fallback === undefined && !isOptional(field)) problems.push(`${name} must be set`);
      else if (production && (field.developmentOnly || field.chosenInProduction))
        problems.push(`${name} must be set in production`);
      continue;
    }
    const parsed = field.parse(text);
    if (isProblem(parsed)) problems.push(`${name} ${parsed.problem}`);
    else if (production && field.developmentOnly && parsed === field.fallback)
      problems.push(`${name} still holds its development value, which everybody knows`);
    else values[name] = parsed;
  }
  return { values: values as Environment<F>, problems };
}

const isProblem = (value: unknown): value is { problem: string } =>
  typeof value === 'object' && value !== null && 'problem' in value;

const optionalFields = new WeakSet<object>();
const isOptional = (field: Field<unknown>) => optionalFields.has(field);

/** Any text, as it is. */
export function text(fallback?: string): Field<string> {
  return { parse: (value) => value, fallback };
}

/** A variable that may be left out altogether: `undefined` then. */
export function optionalText(): Field<string | undefined> {
  const field: Field<string | undefined> = { parse: (value) => value, fallback: undefined };
  optionalFields.add(field);
  return field;
}

/** A whole number within bounds, both included. */
export function integer(fallback: number, bounds: { min: number; max: number }): Field<number> {
  return {
    parse: (value) => {
      const number = Number(value);
      return Number.isInteger(number) && number >= bounds.min && number <= bounds.max
        ? number
        : { problem: `must be a whole number from ${bounds.min} to ${bounds.max}` };
    },
    fallback,
  };
}

/** A TCP port; 0 takes a free one. */
export const port = (fallback: number): Field<number> => integer(fallback, { min: 0, max: 65535 });

/** `true`, `1`, `yes` or `false`, `0`, `no`. */
export function flag(fallback: boolean): Field<boolean> {
  return {
    parse: (value) =>
      ['1', 'true', 'yes'].includes(value)
        ? true
        : ['0', 'false', 'no'].includes(value)
          ? false
          : { problem: 'must be true or false' },
    fallback,
  };
}

/** One of a few words. */
export function choice<const C extends string>(choices: readonly C[], fallback: NoInfer<C>): Field<C> {
  return {
    parse: (value) =>
      choices.find((known) => known === value) ?? { problem: `must be one of ${choices.join(', ')}` },
    fallback,
  };
}

/** An absolute URL, kept as text. */
export function url(fallback?: string): Field<string> {
  return {
    parse: (value) => (URL.canParse(value) ? value : { problem: 'must be a URL' }),
    fallback,
  };
}

/** Several URLs separated by commas: replicas of one thing, tried in turn. */
export function urls(fallback: string): Field<string[]> {
  const split = (value: string) => value.split(',').map((part) => part.trim());
  return {
    parse: (value) =>
      split(value).every((part) => URL.canParse(part))
        ? split(value)
        : { problem: 'must be one or more URLs separated by commas' },
    fallback: split(fallback),
  };
}

/** An absolute URL, kept as text; `undefined` where the variable is left out. */
export function optionalUrl(): Field<string | undefined> {
  const field: Field<string | undefined> = { ...url(), fallback: undefined };
  optionalFields.add(field);
  return field;
}

/** A share of a whole, from 0 to 1, both included. */
export function fraction(fallback: number): Field<number> {
  return {
    parse: (value) => {
      const number = Number(value);
      return number >= 0 && number <= 1 ? number : { problem: 'must be a number from 0 to 1' };
    },
    fallback,
  };
}

/** A secret with a value for development, which production refuses, set or unset. */
export function secret(developmentValue: string): Field<string> {
  return {
    parse: (value) => (value.length >= 16 ? value : { problem: 'must have at least 16 characters' }),
    fallback: developmentValue,
    developmentOnly: true,
  };
}
