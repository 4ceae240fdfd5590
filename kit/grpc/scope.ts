import { isScope, type Scope } from '../auth/scopes';
import type { GrpcMethod } from './definition';

/** The key of `rookery.v1.scope` (51235) among the options of a method: protobuf wire type 2, a text. */
const OPTION = (51_235 << 3) | 2;

/**
 * What an app needs that calls a method for a user: its option `rookery.v1.scope`, which the generated code keeps encoded,
 * a length of one byte and the name.
 *
 * @returns undefined for a method that no app may call
 * @throws when there is no such scope
 */
export function scopeOf({ options }: Pick<GrpcMethod, 'options'>): Scope | undefined {
  const [encoded] = options._unknownFields?.[OPTION] ?? [];
  if (encoded === undefined) return undefined;
  const name = Buffer.from(encoded.subarray(1)).toString('utf8');
  if (!isScope(name)) throw new Error(`There is no scope ${name}`);
  return name;
}
