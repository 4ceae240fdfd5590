import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { InstanceRecord } from '../table/records';

/** What a replica publishes to the others, at least twice a second. */
export const ReplicaMessage = Type.Object({
  from: Type.String({ maxLength: 64, description: 'The epoch of the replica' }),
  /** `hello`: publish your state at once. `bye`: this replica is shutting down. */
  sign: Type.Optional(Type.Union([Type.Literal('hello'), Type.Literal('bye')])),
  records: Type.Array(InstanceRecord),
  beats: Type.Array(Type.Tuple([Type.String(), Type.Union([Type.Number(), Type.Null()])]), {
    description: 'Heartbeats received since the last message: the instance as name/id, and its load',
  }),
  drains: Type.Array(
    Type.Object({
      key: Type.String(),
      version: Type.String(),
      acknowledged_by: Type.Integer(),
      waiting_for: Type.Integer(),
    }),
    { description: 'The progress of each draining instance among the gateways connected to this replica' },
  ),
  acknowledgements: Type.Array(
    Type.Object({ watcher: Type.String(), key: Type.String(), revision: Type.Integer() }),
    {
      description:
        'Drain acknowledgements of watchers connected to another replica, by the hash of their token',
    },
  ),
});
export type ReplicaMessage = Static<typeof ReplicaMessage>;

const messageSchema = TypeCompiler.Compile(ReplicaMessage);

/** A message as a replica published it; undefined for anything else. */
export function parseMessage(text: string): ReplicaMessage | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return messageSchema.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
