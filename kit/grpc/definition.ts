import type { MethodDefinition } from '@grpc/grpc-js';

/** How one message type becomes bytes and back. */
interface MessageType {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

/** One method as the generated code in `contracts/gen` describes it. */
export interface GrpcMethod {
  readonly name: string;
  readonly requestType: MessageType;
  readonly requestStream: boolean;
  readonly responseType: MessageType;
  readonly responseStream: boolean;
  readonly options: {
    readonly idempotencyLevel?: 'IDEMPOTENT' | 'NO_SIDE_EFFECTS';
    readonly _unknownFields?: unknown;
  };
}

/** One service as the generated code in `contracts/gen` describes it. */
export interface GrpcDefinition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, GrpcMethod>>;
}

/** What a method is asked: one message, or many as they come. */
export type RequestOf<Method extends GrpcMethod> = Method['requestStream'] extends true
  ? AsyncIterable<ReturnType<Method['requestType']['decode']>>
  : ReturnType<Method['requestType']['decode']>;

export type ResponseOf<Method extends GrpcMethod> = ReturnType<Method['responseType']['decode']>;

/**
 * The last message of every stream of requests is an empty one. On Bun 1.4.4 a stream that was broken off ends as one
 * that is whole does, and its cancellation is told some milliseconds later: without this, half a file would pass for
 * a file.
 */
export const END_OF_REQUESTS = Symbol('end of requests');

/** What grpc-js needs to know of a method. */
export function methodDefinition(
  definition: GrpcDefinition,
  method: GrpcMethod,
): MethodDefinition<unknown, unknown> {
  const { requestType, responseType } = method;
  return {
    path: `/${definition.fullName}/${method.name}`,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: (message) =>
      message === END_OF_REQUESTS ? Buffer.alloc(0) : bytesOf(requestType, message),
    requestDeserialize: (bytes) =>
      method.requestStream && bytes.length === 0 ? END_OF_REQUESTS : requestType.decode(bytes),
    responseSerialize: (message) => bytesOf(responseType, message),
    responseDeserialize: (bytes) => responseType.decode(bytes),
  };
}

/** Calling twice does no more than calling once, as the contract declares. */
export const isIdempotent = (method: GrpcMethod): boolean => method.options.idempotencyLevel !== undefined;

function bytesOf(type: MessageType, message: unknown): Buffer {
  const bytes = type.encode(message).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
