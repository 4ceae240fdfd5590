import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';

/** What the worker reports of a copy without metadata; without one, that none can be made. */
export const RecordedCopy = Type.Object({
  id: Uuid,
  version: Type.Integer({ minimum: 1 }),
  copy: Type.Optional(
    Type.Object({
      checksum: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      size: Type.Integer({ minimum: 1 }),
    }),
  ),
});
export type RecordedCopy = Static<typeof RecordedCopy>;
