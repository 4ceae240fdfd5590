import type { MethodDefinition } from '@grpc/grpc-js';

/** The encoder and decoder of a message type. */
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
    /** Options of other packages, as encoded texts by the key of their field. */
    readonly _unknownFields?: Readonly<Record<number, readonly Uint8Array[]>>;
  };
}

/** One service as the generated code in `contracts/gen` describes it. */
export interface GrpcDefinition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, GrpcMethod>>;
}

/** The request of a method: one message, or a stream of them. */
export type RequestOf<Method extends GrpcMethod> = Method['requestStream'] extends true
  ? AsyncIterable<ReturnType<Method['requestType']['decode']>>
  : ReturnType<Method['requestType']['decode']>;

export type ResponseOf<Method extends GrpcMethod> = ReturnType<Method['responseType']['decode']>;

/**
 * The last message of every request stream is empty. On Bun 1.4.4 an aborted stream ends like a complete one, and its
 * cancellation is reported some milliseconds later: without this, half a file would pass for a complete one.
 */
export const END_OF_REQUESTS = Symbol('end of requests');

type AnyMethodDefinition = MethodDefinition<unknown, unknown>;

const definitions = new WeakMap<GrpcMethod, AnyMethodDefinition>();

/** The method definition of grpc-js, made once for all calls. A method belongs to one definition. */
export function methodDefinition(definition: GrpcDefinition, method: GrpcMethod): AnyMethodDefinition {
  const known = definitions.get(method) ?? createDefinition(definition, method);
  definitions.set(method, known);
  return known;
}

function createDefinition(definition: GrpcDefinition, method: GrpcMethod): AnyMethodDefinition {
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

/** Whether the contract declares the method as idempotent. */
export const isIdempotent = (method: GrpcMethod): boolean => method.options.idempotencyLevel !== undefined;

function bytesOf(type: MessageType, message: unknown): Buffer {
  const bytes = type.encode(message).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
