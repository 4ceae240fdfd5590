import { Elysia } from 'elysia';
import Negotiator from 'negotiator';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import { access } from '#kit/http/access';
import { matchesIfNoneMatch } from '#kit/http/etag';
import { publicUrlOf } from '#kit/http/forwarding/public-url';
import { platform } from '#kit/http/platform';
import type { Directory } from '../routing/directory';
import type { Documents } from './documents';
import type { operatorPages } from './operators';
import { START_PAGE_HEADERS, startPage } from './start-page';
import { type GatewayStatus, gatewayStatus } from './status';

export interface PagesDeps {
  readonly directory: Directory;
  readonly documents: Documents;
  /** PUBLIC_URL; otherwise documents name the address that the client has used. */
  readonly publicUrl: string | undefined;
  readonly tokens: TokenVerifier;
  readonly operators: ReturnType<typeof operatorPages>;
  /** Metrics of all workers. */
  readonly metrics: () => Promise<string>;
  /** Age of the registry's last message. */
  readonly registryAgeMs: () => number;
}

/** The routes of the gateway itself. */
export function pages(runtime: Runtime, deps: PagesDeps) {
  const { directory, documents } = deps;
  const status = (request: Request) =>
    gatewayStatus(directory, runtime.version, deps.registryAgeMs(), {
      prefix: request.headers.get('x-forwarded-prefix') ?? '',
    });
  // The data plane logs every request, these included.
  const quiet = {
    ...runtime,
    log: runtime.log.child({ part: 'pages' }, { level: quieter(runtime.log.level) }),
  };
  // Without `standardHostname: false`, paths are parsed wrongly when the Host is shorter than four characters.
  return new Elysia({ name: 'gateway', handler: { standardHostname: false } })
    .use(
      platform(quiet, {
        document: ({ request }) => documentResponse(documents, request, deps.publicUrl),
        metrics: deps.metrics,
      }),
    )
    .use(access(deps.tokens))
    .use(deps.operators)
    .get('/', ({ request }) => (prefersHtml(request) ? page(status(request)) : json(status(request))), {
      public: true,
      detail: { summary: 'Show the state of every service' },
    });
}

const quieter = (level: string) => (level === 'info' ? 'warn' : level);

/** Content negotiation (RFC 9110, 12.5.1); JSON where the client has no preference. */
const prefersHtml = (request: Request) =>
  new Negotiator({ headers: { accept: request.headers.get('accept') ?? undefined } }).mediaType([
    'application/json',
    'text/html',
  ]) === 'text/html';

const page = (status: GatewayStatus) => new Response(startPage(status), { headers: START_PAGE_HEADERS });

const json = (status: GatewayStatus) =>
  Response.json(status, { headers: { 'cache-control': 'no-cache', vary: 'accept' } });

function documentResponse(documents: Documents, request: Request, publicUrl: string | undefined): Response {
  const { text, etag } = documents.merged(publicUrl ?? publicUrlOf(request));
  const headers = { etag, 'cache-control': 'no-cache', 'content-type': 'application/json' };
  return matchesIfNoneMatch(request.headers.get('if-none-match'), etag)
    ? new Response(null, { status: 304, headers })
    : new Response(text, { headers });
}
