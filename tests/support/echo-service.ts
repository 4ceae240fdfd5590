import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { createTokenVerifier, tokenSettings } from '#kit/auth/tokens';
import { readEnv } from '#kit/config/environment';
import { serviceFields } from '#kit/config/fields';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { type ServerSocket, upgradeToWebSocket, type WebSocketEvents } from '#kit/http/streams/websockets';
import { startProcess } from '#kit/process';
import { serveService } from '#kit/service';

/** A minimal service that echoes its requests, run as a process of its own. */
const env = readEnv(serviceFields(0));
const runtime = await startProcess('echo', env);
const tokens = createTokenVerifier(tokenSettings(env), async () => ({ keys: [] }));

interface EchoContext {
  readonly request: Request;
  readonly body: unknown;
}

function echo({ request, body }: EchoContext) {
  const { pathname, search } = new URL(request.url);
  return { method: request.method, path: pathname + search, headers: [...request.headers], body: body ?? '' };
}

function echoEvents(): WebSocketEvents {
  let socket: ServerSocket | undefined;
  return {
    open(opened) {
      socket = opened;
    },
    message: (message) => void socket?.send(message),
    pong: () => undefined,
    drain: () => undefined,
    close: () => undefined,
  };
}

/** Whatever is sent is echoed. */
const open = { public: true, query: Type.Object({}, { additionalProperties: true }) } as const;

const app = new Elysia({ name: 'echo' })
  // The body is echoed as text, whatever its media type: before the platform, which would parse JSON.
  .onParse(({ request }) => request.text())
  .use(platform(runtime, { description: 'Echoes requests.' }))
  .use(access(tokens))
  .get('/echo', echo, open)
  .get('/echo/*', echo, open)
  .post('/echo', echo, open)
  .put('/echo', echo, open)
  .get('/echo-nothing', () => new Response(null, { status: 204 }), open)
  .get('/echo-known', () => new Response(null, { status: 304, headers: { etag: '"known"' } }), open)
  .get(
    '/echo-socket',
    ({ request, server }) =>
      void upgradeToWebSocket(request, server, { events: echoEvents(), protocol: null }),
    open,
  );

await serveService(runtime, env, { app });
