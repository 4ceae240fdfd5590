/** An environment variable: its parser, its default, and the rules for production. */
export interface Field<Value> {
  readonly parse: (text: string) => Value | { readonly problem: string };
  readonly fallback: Value | undefined;
  /** May be unset although it has no default. */
  readonly optional?: boolean;
  /** Production rejects the default, set or unset. */
  readonly developmentOnly?: boolean;
  /** Must be set in production, to any value: nobody should run with the default by accident. */
  readonly requiredInProduction?: boolean;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
export type Environment<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer V> ? V : never;
};

/** EX_CONFIG of sysexits.h: supervisors can tell a configuration error from a crash. */
const EXIT_CONFIGURATION = 78;

/**
 * Reads the environment of a process. Invalid configuration is reported on stderr, all problems at once, and the process
 * exits with 78. Values are never printed: they may be secrets.
 */
export function readEnv<const F extends Fields>(
  fields: F,
  source: NodeJS.ProcessEnv = process.env,
): Environment<F> {
  const { values, problems } = parseEnvironment(fields, source);
  if (problems.length > 0) {
    console.error(`Invalid configuration:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    console.error('See .env.example for all variables.');
    process.exit(EXIT_CONFIGURATION);
  }
  return values;
}

/** Parses an environment without side effects: the values, and one message per problem. */
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
      if (field.fallback === undefined && !field.optional) problems.push(`${name} must be set`);
      else if (production && (field.developmentOnly || field.requiredInProduction))
        problems.push(`${name} must be set in production`);
      continue;
    }
    const parsed = field.parse(text);
    if (isProblem(parsed)) problems.push(`${name} ${parsed.problem}`);
    else if (production && field.developmentOnly && parsed === field.fallback)
      problems.push(`${name} must not be the development default in production`);
    else values[name] = parsed;
  }
  return { values: values as Environment<F>, problems };
}

const isProblem = (value: unknown): value is { problem: string } =>
  typeof value === 'object' && value !== null && 'problem' in value;

/** Any text. */
export function text(fallback?: string): Field<string> {
  return { parse: (value) => value, fallback };
}

/** Any text; `undefined` when the variable is unset. */
export const optionalText = (): Field<string | undefined> => ({
  parse: (value) => value,
  fallback: undefined,
  optional: true,
});

/** An integer within inclusive bounds. */
export function integer(fallback: number, bounds: { min: number; max: number }): Field<number> {
  return {
    parse: (value) => {
      // Decimal digits only: `1e3`, `0x10` and blanks are mistakes.
      const number = /^-?[0-9]+$/.test(value) ? Number(value) : Number.NaN;
      return Number.isInteger(number) && number >= bounds.min && number <= bounds.max
        ? number
        : { problem: `must be an integer from ${bounds.min} to ${bounds.max}` };
    },
    fallback,
  };
}

/** A TCP port; 0 picks a free one. */
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

/** One of a fixed set of values. */
export function choice<const C extends string>(choices: readonly C[], fallback: NoInfer<C>): Field<C> {
  return {
    parse: (value) =>
      choices.find((known) => known === value) ?? { problem: `must be one of ${choices.join(', ')}` },
    fallback,
  };
}

/** An absolute URL, as text. */
export function url(fallback?: string): Field<string> {
  return {
    parse: (value) => (URL.canParse(value) ? value : { problem: 'must be a URL' }),
    fallback,
  };
}

/** Comma-separated URLs of replicas. */
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

/** An absolute URL, as text; `undefined` when the variable is unset. */
export const optionalUrl = (): Field<string | undefined> => ({
  ...url(),
  fallback: undefined,
  optional: true,
});

/** A number from 0 to 1, inclusive. */
export function fraction(fallback: number): Field<number> {
  return {
    parse: (value) => {
      const number = Number(value);
      return number >= 0 && number <= 1 ? number : { problem: 'must be a number from 0 to 1' };
    },
    fallback,
  };
}

/** A secret of at least 16 characters. Production rejects the development default, set or unset. */
export function secret(developmentValue: string): Field<string> {
  return {
    parse: (value) => (value.length >= 16 ? value : { problem: 'must have at least 16 characters' }),
    fallback: developmentValue,
    developmentOnly: true,
  };
}
