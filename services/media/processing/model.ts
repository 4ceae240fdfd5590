import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';
import { defineProblem } from '#kit/errors/problem';
import { SizeName } from '../files/model';

export const BlobMissing = defineProblem('file.bytes-missing', 409, 'File content missing from storage');

const Checksum = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Pixels = Type.Integer({ minimum: 1, maximum: 100_000 });

/** What the worker reports of a processed picture. */
export const Processed = Type.Object({
  id: Uuid,
  version: Type.Integer({ minimum: 1 }),
  width: Pixels,
  height: Pixels,
  frames: Type.Integer({ minimum: 1, maximum: 100_000 }),
  thumbhash: Type.Uint8Array({ minByteLength: 1, maxByteLength: 40 }),
  dominant_color: Type.String({ pattern: '^#[0-9a-f]{6}$' }),
  sizes: Type.Array(
    Type.Object({
      name: SizeName,
      type: Type.String({ pattern: '^image/(webp|jpeg|png|gif)$' }),
      checksum: Checksum,
      size: Type.Integer({ minimum: 1 }),
      width: Pixels,
      height: Pixels,
    }),
    { minItems: 1, maxItems: 8 },
  ),
});
export type Processed = Static<typeof Processed>;

export const Rejected = Type.Object({
  id: Uuid,
  version: Type.Integer({ minimum: 1 }),
  code: Type.String({ pattern: '^[a-z0-9.-]{1,64}$' }),
});
export type Rejected = Static<typeof Rejected>;
