import type { DescService } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';
import type { GrpcDefinition, GrpcMethod } from '#kit/grpc/definition';

/** Messages are encoded and decoded outside the client, by the contract's descriptors. */
const ENCODED: GrpcMethod['requestType'] = {
  encode: (message) => ({
    finish() {
      if (message instanceof Uint8Array) return message;
      throw new TypeError('Expected an encoded message');
    },
  }),
  decode: (bytes) => bytes,
};

/** Defines a service for a gRPC client whose messages are bytes. */
export const grpcDefinitionOf = ({ name, typeName, methods }: DescService): GrpcDefinition => ({
  name,
  fullName: typeName,
  methods: Object.fromEntries(
    methods.map((rpc): [string, GrpcMethod] => [
      rpc.name,
      {
        name: rpc.name,
        requestType: ENCODED,
        requestStream: rpc.methodKind === 'client_streaming',
        responseType: ENCODED,
        responseStream: false,
        options: idempotencyOf(rpc.idempotency),
      },
    ]),
  ),
});

function idempotencyOf(level: Idempotency): GrpcMethod['options'] {
  if (level === Idempotency.NO_SIDE_EFFECTS) return { idempotencyLevel: 'NO_SIDE_EFFECTS' };
  return level === Idempotency.IDEMPOTENT ? { idempotencyLevel: 'IDEMPOTENT' } : {};
}
