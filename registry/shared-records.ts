import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { Instance } from '#contracts/registry';
import type { Entry } from './rows';

/** What names an instance: ids are unique within a service only. */
export type InstanceKey = Pick<Instance, 'name' | 'instance_id'>;

export const keyOf = ({ name, instance_id: id }: InstanceKey): string => `${name}/${id}`;

export function instanceOf(key: string): InstanceKey {
  const [name = '', id = ''] = key.split('/');
  return { name, instance_id: id };
}

/** Fifteen digits, a dash, and a UUID: of one length, so that texts compare as what they stand for. */
const Version = Type.String({ pattern: '^[0-9]{15}-[0-9a-f-]{36}$' });
const Key = { name: Instance.properties.name, instance_id: Type.String({ minLength: 1, maxLength: 100 }) };

/** An instance as replicas share it. What each replica sees for itself (its silence, its load) is not part of it. */
const PresentRecord = Type.Object({
  ...Key,
  version: Version,
  secret_hash: Type.String({
    description: 'SHA-256 of the lease secret in base64url; the secret is nowhere',
  }),
  reported: Type.Union([Type.Literal('starting'), Type.Literal('up'), Type.Literal('draining')]),
  instance: Type.Omit(Instance, ['state', 'protected', 'load', 'changed_at_revision']),
});
export type PresentRecord = Static<typeof PresentRecord>;

/** An instance that is no more: kept for a while, so that no replica brings it back. */
const GoneRecord = Type.Object({
  ...Key,
  version: Version,
  gone: Type.Union([Type.Literal('left'), Type.Literal('expired')]),
});
export type GoneRecord = Static<typeof GoneRecord>;

export const SharedRecord = Type.Union([PresentRecord, GoneRecord]);
export type SharedRecord = Static<typeof SharedRecord>;

const checkRecord = TypeCompiler.Compile(SharedRecord);

/** A record as a replica wrote it; undefined for anything else. */
export function readRecord(text: string): SharedRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return checkRecord.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export const VERSION_LENGTH = 15 + 1 + 36;

/**
 * The version of a change: later than the one it replaces, and later than whatever was forgotten since (a hybrid
 * logical clock: Kulkarni et al., 2014). The greater text wins; of two changes made at once, everywhere the same one.
 */
export function versionAfter(known: string, wallClockMs: number, replica: string): string {
  const counter = Math.max(millisecondsOfVersion(known) + 1, Math.floor(wallClockMs));
  return `${String(counter).padStart(15, '0')}-${replica}`;
}

/** About when a change was made, in milliseconds since 1970. */
export const millisecondsOfVersion = (version: string): number => Number(version.slice(0, 15));

export function recordOf({ view, version, secretHash, reported }: Entry): PresentRecord {
  const { state, protected: isProtected, load, changed_at_revision: revision, ...instance } = view;
  return {
    name: view.name,
    instance_id: view.instance_id,
    version,
    secret_hash: secretHash.toString('base64url'),
    reported,
    instance,
  };
}
