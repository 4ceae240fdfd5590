import { Elysia } from 'elysia';
import { createTokenVerifier, tokenSettings } from '#kit/auth/tokens';
import { readEnv } from '#kit/config/environment';
import { serviceFields } from '#kit/config/fields';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import { type ServerSocket, upgradeToWebSocket, type WebSocketEvents } from '#kit/http/websockets';
import { startProcess } from '#kit/process';
import { serveService } from '#kit/service';

/** A small real service that says what it was asked: run as a process of its own. */
const env = readEnv(serviceFields(0));
const runtime = await startProcess('echo', env);
const tokens = createTokenVerifier(tokenSettings(env), async () => ({ keys: [] }));

interface Asked {
  readonly request: Request;
  readonly body: unknown;
}

function seen({ request, body }: Asked) {
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

const open = { public: true } as const;

const app = new Elysia({ name: 'echo' })
  .use(platform(runtime, { description: 'Says what it was asked.' }))
  .use(access(tokens))
  // As it came: whether it is JSON is not what is asked here.
  .onParse(({ request }) => request.text())
  .get('/echo', seen, open)
  .get('/echo/*', seen, open)
  .post('/echo', seen, open)
  .put('/echo', seen, open)
  .get('/echo-nothing', () => new Response(null, { status: 204 }), open)
  .get('/echo-known', () => new Response(null, { status: 304, headers: { etag: '"known"' } }), open)
  .get(
    '/echo-socket',
    ({ request, server }) =>
      void upgradeToWebSocket(request, server, { events: echoEvents(), protocol: null }),
    open,
  );

await serveService(runtime, env, { app });
