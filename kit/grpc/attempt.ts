import {
  type CallOptions,
  type ClientUnaryCall,
  type ClientWritableStream,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Channel } from './channels';
import { END_OF_REQUESTS, type GrpcDefinition, type GrpcMethod, methodDefinition } from './definition';
import { type HttpResponseMetadata, httpResponseIn } from './metadata';
import type { ObserveCall } from './metrics';

/** One attempt of a call at one instance. */
export interface Attempt {
  readonly method: GrpcMethod;
  /** A message, or an `AsyncIterable` of them where the method takes a stream. */
  readonly request: unknown;
  readonly metadata: Metadata;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  readonly channel: Channel;
  readonly signal: AbortSignal | undefined;
}

export type CallFailure = ServiceError;

type Outcome =
  | { readonly failure: CallFailure }
  | { readonly failure: undefined; readonly response: unknown; readonly httpResponse: HttpResponseMetadata };

type Settled = { failure: CallFailure } | { failure: undefined; response: unknown };

/**
 * Makes one attempt of a call.
 *
 * @returns the response or the failure
 * @throws what the request stream throws; the call is then canceled
 */
export async function attemptCall(
  client: {
    readonly definition: GrpcDefinition;
    readonly channels: { release(channel: Channel, code: status, startedMs: number): void };
    readonly observe: ObserveCall;
  },
  attempt: Attempt,
): Promise<Outcome> {
  const { channel, method } = attempt;
  const startedMs = performance.now();
  channel.inFlight++;
  let code: status = status.CANCELLED;
  try {
    const outcome = await makeCall(client.definition, attempt);
    code = outcome.failure?.code ?? status.OK;
    return outcome;
  } finally {
    client.channels.release(channel, code, startedMs);
    const ms = performance.now() - startedMs;
    client.observe({ service: client.definition.fullName, method: method.name, code, ms });
  }
}

async function makeCall(definition: GrpcDefinition, attempt: Attempt): Promise<Outcome> {
  const { method, request, metadata, deadline, channel, signal } = attempt;
  const { path, requestSerialize, responseDeserialize } = methodDefinition(definition, method);
  const options: CallOptions = { deadline };
  const settled = Promise.withResolvers<Settled>();
  const done = (failure: ServiceError | null, response?: unknown) =>
    settled.resolve(failure ? { failure } : { failure: undefined, response });
  let trailers = new Metadata();

  const stream = method.requestStream
    ? channel.client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
        options,
        done,
      )
    : undefined;
  const call: ClientUnaryCall =
    stream ??
    channel.client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      options,
      done,
    );
  // Emitted after the response, but before code that awaits the response continues.
  call.on('status', ({ metadata: received }) => {
    trailers = received;
  });
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel);
  if (signal?.aborted) cancel();
  try {
    if (stream !== undefined) await sendAll(stream, request, settled.promise);
    const outcome = await settled.promise;
    return outcome.failure === undefined ? { ...outcome, httpResponse: httpResponseIn(trailers) } : outcome;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

/** Sends each message when the stream has room for it, until there are no more or the call has ended. */
async function sendAll(
  stream: ClientWritableStream<unknown>,
  messages: unknown,
  settled: Promise<unknown>,
): Promise<void> {
  if (!isAsyncIterable(messages)) throw new Error('This method requires a request stream');
  let over = false;
  const ended = settled.then(() => {
    over = true;
  });
  // The status of the call reports the failure.
  stream.on('error', () => undefined);
  try {
    for await (const message of untilEnded(messages, ended)) {
      if (over) return;
      if (!stream.write(message))
        await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), ended]);
    }
    if (!over) stream.write(END_OF_REQUESTS);
    stream.end();
  } catch (failure) {
    stream.cancel();
    throw failure;
  }
}

/** Stops waiting for a slow source when the call has ended. */
async function* untilEnded(messages: AsyncIterable<unknown>, ended: Promise<void>) {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), ended]);
      if (next === undefined || next.done) return;
      yield next.value;
    }
  } finally {
    void iterator.return?.();
  }
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
