import { Elysia } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import { access } from '#kit/http/access';
import { platform } from '#kit/http/platform';
import type { Directory } from '../routing/directory';
import type { Documents } from './documents';
import type { operatorPages } from './operators';
import { START_PAGE_HEADERS, startPage } from './start-page';
import { type GatewayStatus, gatewayStatus } from './status';

export interface PagesDeps {
  readonly directory: Directory;
  readonly documents: Documents;
  readonly tokens: TokenVerifier;
  readonly operators: ReturnType<typeof operatorPages>;
  /** Of all processes of this gateway. */
  readonly metrics: () => Promise<string>;
  /** Since the registry was last heard from. */
  readonly registryAgeMs: () => number;
}

/** What the gateway answers itself. */
export function pages(runtime: Runtime, deps: PagesDeps) {
  const { directory, documents } = deps;
  const status = () => gatewayStatus(directory, runtime.version, deps.registryAgeMs());
  // The data plane logs every request, these among them.
  const quiet = {
    ...runtime,
    log: runtime.log.child({ part: 'pages' }, { level: quieter(runtime.log.level) }),
  };
  // Without `standardHostname: false`, paths are read wrongly where a client's Host is shorter than four characters.
  return new Elysia({ name: 'gateway', handler: { standardHostname: false } })
    .use(
      platform(quiet, {
        document: ({ request }) => answerDocument(documents, request),
        metrics: deps.metrics,
      }),
    )
    .use(access(deps.tokens))
    .use(deps.operators)
    .get('/', ({ request }) => (wantsPage(request) ? page(status()) : json(status())), {
      public: true,
      detail: { summary: 'Every service and how it is' },
    })
    .options(
      '/',
      ({ set }) => {
        set.status = 204;
        set.headers.allow = 'GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE';
      },
      { public: true, detail: { summary: 'What this server understands at all' } },
    );
}

const quieter = (level: string) => (level === 'info' ? 'warn' : level);

const wantsPage = (request: Request) => request.headers.get('accept')?.includes('text/html') ?? false;

const page = (status: GatewayStatus) => new Response(startPage(status), { headers: START_PAGE_HEADERS });

const json = (status: GatewayStatus) =>
  Response.json(status, { headers: { 'cache-control': 'no-cache', vary: 'accept' } });

function answerDocument(documents: Documents, request: Request): Response {
  const { text, etag } = documents.merged();
  const headers = { etag, 'cache-control': 'no-cache', 'content-type': 'application/json' };
  const isKnown = request.headers
    .get('if-none-match')
    ?.split(',')
    .some((tag) => tag.trim() === etag);
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(text, { headers });
}
