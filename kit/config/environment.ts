import { withIdentity } from './identity-file';
import { takeProgramEnvironment } from './program-environment';

/** Why a value is rejected, in words that follow the name of its variable. Never the value itself. */
export interface Rejection {
  readonly problem: string;
}

/** The text of a variable; undefined when it is unset. */
export type ReadVariable = (name: string) => string | undefined;

/** What a variable must fulfil with `NODE_ENV=production`, in addition to being valid. */
export interface ProductionRule<Value> {
  /**
   * Must be set: the default is for development, or no default suits every deployment. A function decides by other variables;
   * where it says no, the default has no effect.
   */
  readonly required?: boolean | ((read: ReadVariable) => boolean);
  /** Why a value is not fit for production, like `is a development secret`; undefined when it is fit. */
  refuse?(value: Value): string | undefined;
  /** What an operator should do, in words that follow a colon. */
  readonly advice: string;
}

/** An environment variable: its parser, its default, and the rules for production. */
export interface Field<Value> {
  readonly parse: (text: string) => Value | Rejection;
  readonly fallback: Value | undefined;
  /** May be unset although it has no default. */
  readonly optional?: boolean;
  readonly production?: ProductionRule<NonNullable<Value>>;
  /** Must be set when that variable is, or when it has that value: half a pair is a mistake. */
  readonly neededBy?: string | { readonly variable: string; readonly value: string };
  /** Completes the value, set or default, from further variables, like a URL from credentials. */
  readonly completed?: {
    readonly by: readonly string[];
    /** @param read the text of one of these variables; undefined when it is unset */
    complete(value: NonNullable<Value>, read: ReadVariable): Value | Rejection;
  };
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type Environment<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer V> ? V : never;
};

/** EX_CONFIG of sysexits.h: supervisors can tell a configuration error from a crash. */
export const EXIT_CONFIGURATION = 78;

/**
 * Reads the environment of a process, or that of a program which shares one, and the file that IDENTITY_FILE names. Invalid configuration is reported on stderr, all problems at once, and the process
 * exits with 78. Values are never printed: they may be secrets.
 */
export function readEnv<const F extends Fields>(
  fields: F,
  source: NodeJS.ProcessEnv = withIdentity(takeProgramEnvironment() ?? process.env),
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
  for (const [name, field] of Object.entries(fields)) {
    const value = parseField(name, field, source);
    if (isRejection(value)) problems.push(`${name} ${value.problem}`);
    else values[name] = value;
  }
  return { values: values as Environment<F>, problems };
}

function parseField(name: string, field: Field<unknown>, source: NodeJS.ProcessEnv): unknown {
  /** An empty variable counts as unset: compose and Kubernetes cannot leave one out. */
  const read = (variable: string) => source[variable] || undefined;
  const text = read(name);
  const rule = source.NODE_ENV === 'production' ? field.production : undefined;
  if (text === undefined) {
    const required = rule?.required;
    if (typeof required === 'function' && !required(read)) return field.fallback;
    if (required) return { problem: `must be set in production: ${rule?.advice}` };
    const needed = neededProblem(field.neededBy, read);
    if (needed !== undefined) return needed;
    if (field.fallback === undefined) return field.optional ? undefined : { problem: 'must be set' };
  }
  const parsed = text === undefined ? field.fallback : field.parse(text);
  if (isRejection(parsed) || parsed === undefined || parsed === null) return parsed;
  const value = field.completed ? field.completed.complete(parsed, read) : parsed;
  if (isRejection(value) || value === undefined || value === null) return value;
  const reason = rule?.refuse?.(value);
  return reason === undefined ? value : { problem: `${reason}: ${rule?.advice}` };
}

function neededProblem(neededBy: Field<unknown>['neededBy'], read: ReadVariable): Rejection | undefined {
  if (neededBy === undefined) return undefined;
  if (typeof neededBy === 'string')
    return read(neededBy) === undefined ? undefined : { problem: `must be set, because ${neededBy} is` };
  const { variable, value } = neededBy;
  return read(variable) === value ? { problem: `must be set, because ${variable} is ${value}` } : undefined;
}

const isRejection = (value: unknown): value is Rejection =>
  typeof value === 'object' && value !== null && 'problem' in value;

/** Requires a variable in production, because its default is for development or suits nobody. */
export const requiredInProduction = <Value>(field: Field<Value>, advice: string): Field<Value> => ({
  ...field,
  production: { ...field.production, required: true, advice },
});

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

/** A flag whose default is decided elsewhere; `undefined` when the variable is unset. */
export const optionalFlag = (): Field<boolean | undefined> => ({
  parse: flag(false).parse,
  fallback: undefined,
  optional: true,
});

/**
 * A flag that is for development; `undefined` when the variable is unset.
 *
 * @param effect what it does when it is true, which production refuses: `sends mail to …`
 */
export const developmentFlag = (effect: string): Field<boolean | undefined> => ({
  ...optionalFlag(),
  production: { refuse: (value) => (value ? effect : undefined), advice: 'leave it unset' },
});

/** One of a fixed set of values. */
export function choice<const C extends string>(choices: readonly C[], fallback: NoInfer<C>): Field<C> {
  return {
    parse: (value) =>
      choices.find((known) => known === value) ?? { problem: `must be one of ${choices.join(', ')}` },
    fallback,
  };
}

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
