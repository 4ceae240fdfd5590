import { type FeatureApiResponse, GrowthBookClient } from '@growthbook/growthbook';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Caller } from '../auth/caller';

/** The part of GrowthBook's SDK payload that is validated; the SDK reads the rest. */
const FeaturePayload = Type.Object({
  features: Type.Record(
    Type.String({ maxLength: 200 }),
    Type.Object({
      defaultValue: Type.Optional(Type.Unknown()),
      rules: Type.Optional(Type.Array(Type.Object({}))),
    }),
  ),
});

/** Features as returned by GrowthBook's SDK endpoint, and as stored in a features file. */
export type FeaturePayload = Static<typeof FeaturePayload> & FeatureApiResponse;

/** The user a flag is evaluated for; null for an anonymous one. */
export type FlagSubject = Pick<Caller, 'id' | 'username' | 'roles'> | null;

export interface Flags {
  /**
   * Evaluates a flag, in memory.
   *
   * @param fallback returned when the flag is unknown, or not of the fallback's type
   */
  value(name: string, fallback: boolean, subject: FlagSubject): boolean;
  value(name: string, fallback: number, subject: FlagSubject): number;
  /** Evaluates all flags. */
  evaluate(subject: FlagSubject): Record<string, unknown>;
}

export interface ReplaceableFlags extends Flags {
  replace(payload: FeaturePayload): void;
}

/** Creates flags in memory, evaluated by GrowthBook's SDK without network access; `openFlags` fetches them. */
export function createFlags(first: FeaturePayload = { features: {} }): ReplaceableFlags {
  let client = clientOf(first);

  function value(name: string, fallback: boolean, subject: FlagSubject): boolean;
  function value(name: string, fallback: number, subject: FlagSubject): number;
  function value(name: string, fallback: boolean | number, subject: FlagSubject): boolean | number {
    const found: unknown = client.evalFeature(name, contextOf(subject)).value;
    if (typeof fallback === 'boolean') return typeof found === 'boolean' ? found : fallback;
    return typeof found === 'number' ? found : fallback;
  }

  return {
    value,
    evaluate: (subject) =>
      Object.fromEntries(
        Object.keys(client.getFeatures())
          .sort()
          .map((name) => [name, client.evalFeature(name, contextOf(subject)).value]),
      ),
    replace(payload) {
      client = clientOf(payload);
    },
  };
}

const clientOf = (payload: FeaturePayload) => new GrowthBookClient().initSync({ payload });

/** The attributes that rules in GrowthBook can use. */
const contextOf = (subject: FlagSubject) => ({
  attributes:
    subject === null
      ? { loggedIn: false }
      : { loggedIn: true, id: subject.id, username: subject.username, roles: [...subject.roles] },
});

/**
 * Parses a payload.
 *
 * @throws when it is not JSON or does not match the schema
 */
export function parseFeatures(text: string): FeaturePayload {
  const payload: unknown = JSON.parse(text);
  if (Value.Check(FeaturePayload, payload)) return payload;
  const [problem] = Value.Errors(FeaturePayload, payload);
  throw new Error(`Invalid features at ${problem?.path || '/'}: ${problem?.message}`);
}
