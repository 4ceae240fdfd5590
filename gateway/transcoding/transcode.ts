import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import {
  DependencyUnavailable,
  InternalError,
  UnsupportedMediaType,
  ValidationFailed,
} from '#kit/errors/problem';
import { callerOf } from '#kit/grpc/access';
import { createGrpcClient, type GrpcClient, type OutgoingCall } from '#kit/grpc/client';
import type { GrpcDefinition } from '#kit/grpc/definition';
import type { HttpOrigin, HttpResponseMetadata } from '#kit/grpc/metadata';
import { DependencyTimedOut } from '#kit/grpc/status';
import { parseJson } from '#kit/http/body/json';
import type { InstanceDirectory } from '#kit/registry/instances';
import { mediaTypeOf } from '#kit/text/media-type';
import { RETRY_AFTER, ServiceUnavailable, UpstreamBadResponse, UpstreamTimeout } from '../model/problems';
import { uploadMessages } from './form';
import { grpcDefinitionOf } from './grpc-definition';
import { requestMessage } from './request-message';
import { responseJson } from './response-json';
import type { TranscodedRoute } from './rules';

/** An upload may be limited by the client's bandwidth; a stalled client is disconnected earlier. */
const UPLOAD_MS = 600_000;
/** Maximum length of host and user agent in a call's metadata. */
const MAX_CHARACTERS = 255;

/** A request of one route, before its body is read. */
export interface TranscodedRequest {
  readonly route: TranscodedRoute;
  /** The access rule the service registered. */
  readonly auth: string;
  /** Path and query as the service knows them. */
  readonly target: string;
  readonly timeoutMs: number;
}

/** Calls a service over gRPC and converts its reply into a response. Rejects with the problem of a failed call. */
export type Transcode = (
  transcoded: TranscodedRequest,
  request: Request,
  clientAddress: string,
) => Promise<Response>;

/** Opens a gRPC client for each service with transcoded routes. */
export function createTranscoder(
  runtime: Runtime,
  options: {
    routes: readonly TranscodedRoute[];
    registry: InstanceDirectory;
    internalSecret: string;
    tokens: TokenVerifier;
  },
): Transcode {
  const clients = new Map<string, GrpcClient<GrpcDefinition>>();
  for (const { service, rpc } of options.routes) {
    if (clients.has(rpc.parent.typeName)) continue;
    const { registry, internalSecret } = options;
    const definition = grpcDefinitionOf(rpc.parent);
    clients.set(
      rpc.parent.typeName,
      createGrpcClient(runtime, { service, definition, registry, internalSecret }),
    );
  }

  return async (transcoded, request, clientAddress) => {
    const { route, timeoutMs } = transcoded;
    const message = await readMessage(transcoded, request, options.tokens);
    const call = clients.get(route.rpc.parent.typeName)?.[route.rpc.name];
    if (call === undefined) throw new Error(`No gRPC client for ${route.rpc.toString()}`);
    const deadlineMs = route.upload === null ? timeoutMs : UPLOAD_MS;
    const startedMs = performance.now();
    let metadata: HttpResponseMetadata = {};
    try {
      const response = await call(message, {
        ...outgoing(request, clientAddress),
        deadlineMs,
        onHttpResponse(received) {
          metadata = received;
        },
      });
      return httpResponse(route, response, metadata);
    } catch (failure) {
      throw externalProblem(failure, performance.now() - startedMs >= deadlineMs);
    }
  };
}

async function readMessage(
  { route, auth, target }: TranscodedRequest,
  request: Request,
  tokens: TokenVerifier,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  if (route.upload !== null) return uploadMessages(route, route.upload, request);
  const queryStart = target.indexOf('?');
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  const query = new URLSearchParams(queryStart === -1 ? '' : target.slice(queryStart));
  try {
    const body = route.body === null ? undefined : await readBody(request);
    return requestMessage(route, { path, query, body });
  } catch (failure) {
    // As in the services: without a valid token the response is 401, and does not describe the body.
    if (failure instanceof ValidationFailed && auth !== 'public' && auth !== 'optional')
      await callerOf({ metadata: () => request.headers.get('authorization') ?? undefined }, tokens);
    throw failure;
  }
}

async function readBody(request: Request): Promise<unknown> {
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength === 0) return undefined;
  const contentType = request.headers.get('content-type') ?? '';
  if (mediaTypeOf(contentType) !== 'application/json')
    throw new UnsupportedMediaType({ detail: 'Send application/json.' });
  return parseJson(bytes, contentType);
}

function outgoing({ headers, signal }: Request, clientAddress: string): OutgoingCall {
  const authorization = headers.get('authorization');
  const requestId = headers.get('x-request-id');
  const traceparent = headers.get('traceparent');
  return {
    signal,
    ...(requestId !== null && { requestId }),
    ...(traceparent !== null && { traceparent }),
    onBehalfOf: {
      ...(authorization !== null && { authorization }),
      origin: originOf(headers, clientAddress),
    },
  };
}

/** From the gateway's own `X-Forwarded-*`: those of the client have been removed. */
function originOf(headers: Headers, address: string): HttpOrigin {
  const userAgent = headers.get('user-agent');
  const host = headers.get('x-forwarded-host');
  const cookie = headers.get('cookie');
  return {
    address,
    protocol: headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http',
    ...(userAgent !== null && { user_agent: userAgent.slice(0, MAX_CHARACTERS) }),
    ...(host !== null && host.length <= MAX_CHARACTERS && { host }),
    ...(cookie !== null && { cookie }),
  };
}

function httpResponse(
  route: TranscodedRoute,
  response: unknown,
  { status, headers }: HttpResponseMetadata,
): Response {
  if (!(response instanceof Uint8Array)) throw new TypeError('The gRPC client returned no encoded response');
  const body = responseJson(route, response);
  const own = { ...headers, 'x-content-type-options': 'nosniff' };
  if (body === undefined) return new Response(null, { status: status ?? 204, headers: own });
  return Response.json(body, { status: status ?? 200, headers: own });
}

/** Maps failures of the call itself to the gateway's problems; a service's own problem is unchanged. */
function externalProblem(failure: unknown, isLate: boolean): unknown {
  if (isLate || failure instanceof DependencyTimedOut) return new UpstreamTimeout({ cause: failure });
  if (failure instanceof DependencyUnavailable)
    return new ServiceUnavailable({ headers: RETRY_AFTER, cause: failure });
  return failure instanceof InternalError ? new UpstreamBadResponse({ cause: failure }) : failure;
}
