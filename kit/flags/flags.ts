import { type FeatureApiResponse, GrowthBookClient } from '@growthbook/growthbook';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Caller } from '../auth/caller';

/** The part of GrowthBook's SDK payload that has to be right before it is believed; the SDK reads the rest. */
const FeaturePayload = Type.Object({
  features: Type.Record(
    Type.String({ maxLength: 200 }),
    Type.Object({
      defaultValue: Type.Optional(Type.Unknown()),
      rules: Type.Optional(Type.Array(Type.Object({}))),
    }),
  ),
});

/** Features as GrowthBook's SDK endpoint answers them, and as a features file holds them. */
export type FeaturePayload = Static<typeof FeaturePayload> & FeatureApiResponse;

/** Whom a flag is asked for: a person, or null for somebody who is not signed in. */
export type FlagSubject = Pick<Caller, 'id' | 'username' | 'roles'> | null;

export interface Flags {
  /**
   * What a flag is for somebody. Answers from memory, at once.
   *
   * @param fallback answered where the flag is unknown, or is not of the fallback's type
   */
  value(name: string, fallback: boolean, subject: FlagSubject): boolean;
  value(name: string, fallback: number, subject: FlagSubject): number;
  /** Every flag there is, as it is for somebody. */
  evaluate(subject: FlagSubject): Record<string, unknown>;
}

export interface ReplaceableFlags extends Flags {
  replace(payload: FeaturePayload): void;
}

/** Flags in memory, evaluated by GrowthBook's SDK, which is never given the network: who fetches them is `openFlags`. */
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

/** The attributes that rules in GrowthBook can go by. */
const contextOf = (subject: FlagSubject) => ({
  attributes:
    subject === null
      ? { loggedIn: false }
      : { loggedIn: true, id: subject.id, username: subject.username, roles: [...subject.roles] },
});

/**
 * Reads a payload.
 *
 * @throws Error saying what is wrong with it, when it is not JSON or does not hold features
 */
export function parseFeatures(text: string): FeaturePayload {
  const payload: unknown = JSON.parse(text);
  if (Value.Check(FeaturePayload, payload)) return payload;
  const [problem] = Value.Errors(FeaturePayload, payload);
  throw new Error(`the features are not valid at ${problem?.path || '/'}: ${problem?.message}`);
}
