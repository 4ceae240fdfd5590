import type { Scope } from '#kit/auth/scopes';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import {
  DependencyUnavailable,
  InternalError,
  MalformedBody,
  UnsupportedMediaType,
  ValidationFailed,
} from '#kit/errors/problem';
import { callerOf } from '#kit/grpc/access';
import { createGrpcClient, type GrpcClient, type OutgoingCall } from '#kit/grpc/client';
import type { GrpcDefinition } from '#kit/grpc/definition';
import type { HttpOrigin, HttpResponseMetadata } from '#kit/grpc/metadata';
import { DependencyTimedOut } from '#kit/grpc/status';
import { JSON_ONLY, problemOfContent, readBody } from '#kit/http/body/read-body';
import { holdsCredential, PRIVATE } from '#kit/http/private-responses';
import type { InstanceDirectory } from '#kit/registry/instances';
import { RETRY_AFTER, ServiceUnavailable, UpstreamBadResponse, UpstreamTimeout } from '../model/problems';
import { uploadMessages } from './form';
import { grpcDefinitionOf } from './grpc-definition';
import { requestMessage, requireKnownParameters } from './request-message';
import { responseJson } from './response-json';
import type { TranscodedRoute } from './rules';

/** An upload may be limited by the client's bandwidth; a stalled client is disconnected earlier. */
const UPLOAD_MS = 600_000;
/** Maximum length of host and user agent in a call's metadata. */
const MAX_CHARACTERS = 255;
/** The longest value is `same-origin`. */
const MAX_FETCH_SITE_CHARACTERS = 32;

/** A request of one route, before its body is read. */
export interface TranscodedRequest {
  readonly route: TranscodedRoute;
  /** The access rule the service registered. */
  readonly auth: string;
  /** What an app needs there. */
  readonly scope: Scope | undefined;
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
    tokens: TokenVerifier;
  },
): Transcode {
  const clients = new Map<string, GrpcClient<GrpcDefinition>>();
  for (const { service, rpc } of options.routes) {
    if (clients.has(rpc.parent.typeName)) continue;
    const { registry } = options;
    const definition = grpcDefinitionOf(rpc.parent);
    clients.set(rpc.parent.typeName, createGrpcClient(runtime, { service, definition, registry }));
  }

  return async (transcoded, request, clientAddress) => {
    const { route, timeoutMs } = transcoded;
    const call = clients.get(route.rpc.parent.typeName)?.[route.rpc.name];
    if (call === undefined) throw new Error(`No gRPC client for ${route.rpc.toString()}`);
    const deadlineMs = route.upload === null ? timeoutMs : UPLOAD_MS;
    const startedMs = performance.now();
    let metadata: HttpResponseMetadata = {};
    try {
      const message = await readMessage(transcoded, request);
      const response = await call(message, {
        ...outgoing(request, clientAddress),
        deadlineMs,
        onHttpResponse(received) {
          metadata = received;
        },
      });
      return httpResponse(transcoded, request, { response, metadata });
    } catch (failure) {
      if (isAboutContent(route, failure)) await requireAccess(transcoded, request, options.tokens);
      throw externalProblem(failure, performance.now() - startedMs >= deadlineMs);
    }
  };
}

/** Everything that is wrong with a request is found before the call, except in an upload, which is read as it is sent. */
async function readMessage(
  { route, target }: TranscodedRequest,
  request: Request,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const queryStart = target.indexOf('?');
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  const query = new URLSearchParams(queryStart === -1 ? '' : target.slice(queryStart));
  if (route.upload !== null) {
    requireKnownParameters(route, query);
    return uploadMessages(route, route.upload, request);
  }
  const content = problemOfContent(request);
  if (content !== undefined) throw content;
  return requestMessage(route, { path, query, body: await readBody(request, JSON_ONLY) });
}

/** The services read a form behind their access rule, and any other body in front of it. */
const isAboutContent = ({ upload }: TranscodedRoute, failure: unknown): boolean =>
  failure instanceof ValidationFailed ||
  (upload !== null && (failure instanceof MalformedBody || failure instanceof UnsupportedMediaType));

/** As in the services: without a token that is admitted the response is 401 or 403, and does not describe the content. */
async function requireAccess(
  { auth, scope }: TranscodedRequest,
  { headers }: Request,
  tokens: TokenVerifier,
): Promise<void> {
  if (auth === 'public' || auth === 'optional') return;
  await callerOf({ metadata: () => headers.get('authorization') ?? undefined, scope }, tokens);
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
  const origin = headers.get('origin');
  const fetchSite = headers.get('sec-fetch-site');
  return {
    address,
    protocol: headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http',
    ...(userAgent !== null && { user_agent: userAgent.slice(0, MAX_CHARACTERS) }),
    ...(host !== null && host.length <= MAX_CHARACTERS && { host }),
    ...(cookie !== null && { cookie }),
    // Cut short they are as foreign as whole.
    ...(origin !== null && { origin: origin.slice(0, MAX_CHARACTERS) }),
    ...(fetchSite !== null && { fetch_site: fetchSite.slice(0, MAX_FETCH_SITE_CHARACTERS) }),
  };
}

function httpResponse(
  { route, auth }: TranscodedRequest,
  request: Request,
  { response, metadata }: { response: unknown; metadata: HttpResponseMetadata },
): Response {
  if (!(response instanceof Uint8Array)) throw new TypeError('The gRPC client returned no encoded response');
  const { status, headers, cookies = [] } = metadata;
  const body = responseJson(route, response);
  const own = new Headers({ ...headers, 'x-content-type-options': 'nosniff' });
  for (const cookie of cookies) own.append('set-cookie', cookie);
  // The rule of `keepPrivate`, which the service's own routes follow.
  const isAuthenticated = auth !== 'public' && request.headers.has('authorization');
  const isPersonal = isAuthenticated || own.has('set-cookie') || holdsCredential(body);
  if (isPersonal && !own.has('cache-control')) own.set('cache-control', PRIVATE);
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
