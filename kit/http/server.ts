import http from 'node:http';
import type { AnyElysia } from 'elysia';
import type { Runtime } from '../core/runtime';
import { type AnswerChallenge, PROOF_PATH, proofResponse } from '../registry/address-proof';
import { withTrace } from '../tracing/context';
import { receiveTrace } from '../tracing/spans';
import { dropProxyFields, GATEWAY_TOKEN_FIELD, type RecognizeGateway } from './forwarding/gateway-token';
import { isProbePath } from './operations/operations';
import { pathOf } from './request-path';
import { type WebSocketEvents, webSocketHandler } from './streams/websockets';

/** No limit: the platform has them (`body/admission`), and responds with a problem document, which the server cannot. */
const MAX_BODY_BYTES = Number.MAX_SAFE_INTEGER;
/** Clients of the gateway may send 16 KiB, Bun's default; the fields that it adds must fit too. */
const MAX_HEAD_BYTES = 24 * 1024;
/** Longer than the gateway's pool keeps idle connections, so that the gateway closes them first. */
const IDLE_TIMEOUT_SECONDS = 75;

export interface HttpServer {
  readonly port: number;
  /** Stops accepting connections and waits for running requests; aborts the rest after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

/**
 * Serves an Elysia app, each request within its own trace, with TLS where it is set up between processes. The app uses `platform`, or `requests` at least: they limit
 * request bodies.
 *
 * @param options.beginsTraces whether requests without a traceparent may start a trace; all but probes by default
 * @param options.answerChallenge proves the address of a registered instance to the registry; outside of the app, so that
 *   the answer needs no route, log line or trace
 * @param options.recognizeGateway for a service behind the gateway: forwarding fields (`forwarding/gateway-token`) are dropped
 *   from all requests but those of the gateway, and from all without it
 * @param options.strictPort whether a port in use is an error; otherwise a free one is picked and logged
 * @throws when the port is in use and `strictPort` is set
 */
export function serveHttp(
  runtime: Runtime,
  app: AnyElysia,
  options: {
    hostname: string;
    port: number;
    strictPort: boolean;
    beginsTraces?: boolean;
    answerChallenge?: AnswerChallenge;
    recognizeGateway?: RecognizeGateway;
  },
): HttpServer {
  // Bun reads the limit of its servers here.
  Reflect.set(http, 'maxHeaderSize', MAX_HEAD_BYTES);
  const { internalTls } = runtime;
  const listen = (port: number) =>
    Bun.serve<WebSocketEvents>({
      hostname: options.hostname,
      port,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      maxRequestBodySize: MAX_BODY_BYTES,
      development: false,
      // With development off Bun 1.4.4 shares ports by default: a second process would silently get half of the requests.
      reusePort: false,
      ...(internalTls && { tls: { cert: internalTls.cert, key: internalTls.key } }),
      fetch(request) {
        const path = pathOf(request.url);
        if (options.answerChallenge && path.startsWith(PROOF_PATH))
          return proofResponse(request, options.answerChallenge);
        const isForwarded = forwardedByGateway(request.headers, options.recognizeGateway);
        return typeof isForwarded === 'boolean'
          ? handle(request, path, isForwarded)
          : isForwarded.then((is) => handle(request, path, is));
      },
      websocket: webSocketHandler,
      error(failure) {
        runtime.log.error({ err: failure }, 'A request failed outside of the app');
        return new Response(null, { status: 500 });
      },
    });

  function handle(request: Request, path: string, isForwarded: boolean): Response | Promise<Response> {
    if (internalTls) asPlainUrl(request);
    const { headers } = request;
    if (isForwarded) headers.delete(GATEWAY_TOKEN_FIELD);
    else dropProxyFields(headers);
    const sent = { requestId: headers.get('x-request-id'), traceparent: headers.get('traceparent') };
    const trace = receiveTrace(runtime.spans, sent, options.beginsTraces ?? !isProbePath(path));
    const response = withTrace(trace, () => app.fetch(request));
    return request.method === 'HEAD' ? Promise.resolve(response).then(asHead) : response;
  }

  let server: ReturnType<typeof listen>;
  try {
    server = listen(options.port);
  } catch (failure) {
    if (options.strictPort || !isAddressInUse(failure)) throw failure;
    server = listen(0);
    runtime.log.warn(`port ${options.port} is in use; listening on ${server.port}`);
  }
  // Event streams use the server to disable the idle timeout of a request.
  app.server = server as unknown as typeof app.server;

  return {
    port: server.port ?? options.port,
    async stop(timeoutMs) {
      const finished = server.stop();
      const timer = setTimeout(() => {
        runtime.log.warn({ pending: server.pendingRequests }, 'Aborting running requests');
        void server.stop(true);
      }, timeoutMs);
      await finished;
      clearTimeout(timer);
    },
  };
}

/** Without a way to recognize the gateway nobody is. */
const forwardedByGateway = (headers: Headers, recognize: RecognizeGateway | undefined) => {
  const token = headers.get(GATEWAY_TOKEN_FIELD);
  return token === null ? false : (recognize?.(token) ?? false);
};

/** The framework states the length of what it sends for HEAD, but a stream has none (RFC 9110, 8.6). */
function asHead(response: Response): Response {
  const { headers } = response;
  if (headers.get('content-type')?.startsWith('text/event-stream') !== true) return response;
  headers.delete('content-length');
  headers.set('transfer-encoding', 'chunked');
  return response;
}

/**
 * The framework finds the path after `http://` whatever the scheme is (`standardHostname` above). How a client has reached the
 * system is said by the gateway, not by the scheme of its own connection.
 */
function asPlainUrl(request: Request): void {
  Object.defineProperty(request, 'url', { value: request.url.replace('https:', 'http:') });
}

const isAddressInUse = (failure: unknown) =>
  failure instanceof Error && 'code' in failure && failure.code === 'EADDRINUSE';
