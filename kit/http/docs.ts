import { fileURLToPath } from 'node:url';
import { swagger } from '@elysiajs/swagger';
import { Elysia } from 'elysia';
import { completeDocument, isRecord } from './openapi';

const ASSETS: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

/** Answers `/openapi.json` where the document is not generated from the routes of the app itself. */
export type DocumentHandler = (context: { request: Request }) => Response;

/**
 * The OpenAPI document at `/openapi.json` and `/docs/json`, generated from the routes' schemas unless `document` is
 * given, and Swagger UI over it at `/docs`. The page's script and style come from this process: documentation works
 * offline.
 */
export function docs(service: {
  name: string;
  version: string;
  description?: string;
  document?: DocumentHandler | undefined;
}) {
  const hidden = { hide: true, 'x-access': 'public' };
  const documents = new Elysia({ name: 'documents' });
  if (service.document) documents.get('/openapi.json', service.document, { detail: hidden });
  else documents.onAfterHandle(complete).use(generated(service));
  return new Elysia({ name: 'docs' })
    .use(documents)
    .get('/docs', ({ set }) => documentationPage(`Rookery ${service.name}`, set), { detail: hidden })
    .get('/docs/json', ({ redirect }) => redirect('/openapi.json', 308), { detail: hidden })
    .get('/docs/assets/:name', ({ params }) => documentationAsset(params.name), { detail: hidden });
}

/** The generator's answer, held to the standard. */
const complete = ({ path, responseValue }: { path: string; responseValue: unknown }) =>
  path === '/openapi.json' && isRecord(responseValue) ? completeDocument(responseValue) : undefined;

const generated = (service: { name: string; version: string; description?: string }) =>
  swagger({
    // Its own page loads Swagger UI from a public host; the route below takes its place.
    path: '/docs',
    specPath: '/openapi.json',
    exclude: [/^\/docs/, '/openapi.json'],
    provider: 'swagger-ui',
    documentation: {
      info: {
        title: `Rookery ${service.name}`,
        version: service.version,
        description: service.description ?? '',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
  });

/** Swagger UI's page, pointing at the document beside it. */
function documentationPage(
  title: string,
  set: { headers: Record<string, string | number | undefined> },
): string {
  set.headers['content-type'] = 'text/html; charset=utf-8';
  set.headers['content-security-policy'] =
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, persistAuthorization: true });</script>
</body>
</html>
`;
}

/** One of Swagger UI's two files, from its package. */
async function documentationAsset(name: string): Promise<Response> {
  const contentType = ASSETS[name];
  if (contentType === undefined) return new Response(null, { status: 404 });
  const file = Bun.file(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`)));
  const bytes = assets.get(name) ?? (await file.bytes());
  assets.set(name, bytes);
  return new Response(inPieces(bytes), {
    headers: {
      'content-type': contentType,
      'content-length': String(bytes.length),
      'cache-control': 'public, max-age=86400',
    },
  });
}

/** Read when somebody first looks at the documentation. */
const assets = new Map<string, Uint8Array<ArrayBuffer>>();
const PIECE_BYTES = 64 * 1024;

/** Views of the same bytes for all readers: a file's own stream would hold half a megabyte for each slow one. */
function inPieces(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let position = 0;
  return new ReadableStream(
    {
      pull(controller) {
        controller.enqueue(bytes.subarray(position, position + PIECE_BYTES));
        position += PIECE_BYTES;
        if (position >= bytes.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}
