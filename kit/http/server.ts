import type { AnyElysia } from 'elysia';
import type { Runtime } from '../core/runtime';
import { withTrace } from '../tracing/context';
import { receiveTrace } from '../tracing/spans';
import { isProbePath } from './operations';
import { JSON_BODY_BYTES } from './platform';
import { pathOf } from './request-path';
import { type WebSocketEvents, webSocketHandler } from './websockets';

/** Room for a request's framing above what the platform counts, so that the platform's own answer comes first. */
const BODY_SLACK_BYTES = 64 * 1024;
/** Seconds a connection may be quiet; longer than the gateway keeps its pooled connections, so that it closes first. */
const IDLE_TIMEOUT_SECONDS = 75;

export interface HttpServer {
  readonly port: number;
  /** Stops accepting, waits for running requests, then ends what is left after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

/**
 * Serves an Elysia app, each request within its own trace.
 *
 * @param beginsTraces whether spans are made for requests that come without a traceparent, too; all but the operational
 *   routes' unless said otherwise
 * @param insist when true a taken port is an error; otherwise a free one is taken instead, and said
 * @throws when the port is taken and insisted on
 */
export function serveHttp(
  runtime: Runtime,
  app: AnyElysia,
  options: {
    hostname: string;
    port: number;
    insist: boolean;
    bodyBytes?: number;
    beginsTraces?: boolean;
  },
): HttpServer {
  // Otherwise Elysia looks for the path behind the eleventh character of the URL, and a client that names its host `a`
  // has another path answered than the one the gateway let through.
  app.config.handler = { ...app.config.handler, standardHostname: false };
  const listen = (port: number) =>
    Bun.serve<WebSocketEvents>({
      hostname: options.hostname,
      port,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      maxRequestBodySize: (options.bodyBytes ?? JSON_BODY_BYTES) + BODY_SLACK_BYTES,
      development: false,
      // Without development Bun 1.4.4 shares ports unless told otherwise: a second process would quietly take half.
      reusePort: false,
      fetch(request) {
        const { headers } = request;
        const sent = { requestId: headers.get('x-request-id'), traceparent: headers.get('traceparent') };
        const trace = receiveTrace(
          runtime.spans,
          sent,
          options.beginsTraces ?? !isProbePath(pathOf(request.url)),
        );
        return withTrace(trace, () => app.fetch(request));
      },
      websocket: webSocketHandler,
      error(failure) {
        runtime.log.error({ err: failure }, 'a request failed outside of every route');
        return new Response(null, { status: 500 });
      },
    });

  let server: ReturnType<typeof listen>;
  try {
    server = listen(options.port);
  } catch (failure) {
    if (options.insist || !isAddressInUse(failure)) throw failure;
    server = listen(0);
    runtime.log.warn(`port ${options.port} is taken: listening on ${server.port} instead`);
  }
  // Streams need the server to lift the idle timeout of one request.
  app.server = server as unknown as typeof app.server;

  return {
    port: server.port ?? options.port,
    async stop(timeoutMs) {
      const finished = server.stop();
      const cut = setTimeout(() => {
        runtime.log.warn({ pending: server.pendingRequests }, 'ending with requests still running');
        void server.stop(true);
      }, timeoutMs);
      await finished;
      clearTimeout(cut);
    },
  };
}

const isAddressInUse = (failure: unknown) =>
  failure instanceof Error && 'code' in failure && failure.code === 'EADDRINUSE';
