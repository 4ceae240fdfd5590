import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { Instance } from '#contracts/registry';
import type { Entry } from './rows';

/** Identifies an instance: ids are unique within a service only. */
export type InstanceKey = Pick<Instance, 'name' | 'instance_id'>;

export const keyOf = ({ name, instance_id: id }: InstanceKey): string => `${name}/${id}`;

/** The inverse of `keyOf`. */
export function parseKey(key: string): InstanceKey {
  const [name = '', id = ''] = key.split('/');
  return { name, instance_id: id };
}

/** Fifteen digits, a dash and a UUID: of fixed length, so that versions compare as strings. */
const Version = Type.String({ pattern: '^[0-9]{15}-[0-9a-f-]{36}$' });
const Key = { name: Instance.properties.name, instance_id: Type.String({ minLength: 1, maxLength: 100 }) };

/** An instance as replicated. What each replica observes for itself (missed heartbeats, load) is not part of it. */
const PresentRecord = Type.Object({
  ...Key,
  version: Version,
  secret_hash: Type.String({
    description: 'SHA-256 of the lease secret in base64url; the secret itself is never stored',
  }),
  reported: Type.Union([Type.Literal('starting'), Type.Literal('up'), Type.Literal('draining')]),
  owned: Type.Optional(Type.Boolean({ description: 'Registered with the credential of its service' })),
  instance: Type.Omit(Instance, ['state', 'protected', 'load', 'changed_at_revision']),
});
export type PresentRecord = Static<typeof PresentRecord>;

/** The tombstone of an instance, retained for a while so that no replica restores the instance. */
const RemovedRecord = Type.Object({
  ...Key,
  version: Version,
  /** Deregistered, or removed because its lease expired. */
  gone: Type.Union([Type.Literal('left'), Type.Literal('expired')]),
});
export type RemovedRecord = Static<typeof RemovedRecord>;

export const InstanceRecord = Type.Union([PresentRecord, RemovedRecord]);
export type InstanceRecord = Static<typeof InstanceRecord>;

const recordSchema = TypeCompiler.Compile(InstanceRecord);

/** A record as a replica wrote it; undefined for anything else. */
export function parseRecord(text: string): InstanceRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return recordSchema.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export const VERSION_LENGTH = 15 + 1 + 36;

/**
 * The version of a change: later than the version it replaces, and later than any that was purged since (a hybrid
 * logical clock: Kulkarni et al., 2014). The greater string wins; of two concurrent changes every replica picks the
 * same one.
 */
export function nextVersion(known: string, wallClockMs: number, replica: string): string {
  const counter = Math.max(millisecondsOfVersion(known) + 1, Math.floor(wallClockMs));
  return `${String(counter).padStart(15, '0')}-${replica}`;
}

/** The approximate time of a change, in milliseconds since 1970. */
export const millisecondsOfVersion = (version: string): number => Number(version.slice(0, 15));

export function recordOf({ view, version, secretHash, reported, isOwned }: Entry): PresentRecord {
  const { state, protected: isProtected, load, changed_at_revision: revision, ...instance } = view;
  return {
    name: view.name,
    instance_id: view.instance_id,
    version,
    secret_hash: secretHash.toString('base64url'),
    reported,
    ...(isOwned && { owned: true }),
    instance,
  };
}
