import { Elysia, t } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import { access } from '#kit/http/access';
import { docs } from '#kit/http/docs';
import { isRecord, type JsonObject } from '#kit/http/openapi';
import type { Siblings } from '../cluster/cluster';
import { ExplainedRequest } from '../model/explanation';
import type { Directory } from '../routing/directory';
import type { FindTranscoded } from '../transcoding/rules';
import { explainRequest } from './explain-request';
import { RouteListing, routeListing } from './status';

export interface OperatorDeps {
  readonly directory: Directory;
  readonly tokens: TokenVerifier;
  readonly findTranscoded: FindTranscoded;
  readonly siblings: Siblings;
  /** Since the registry was last heard from. */
  readonly registryAgeMs: () => number;
}

/** What the gateway tells those who run it. */
export const operatorPages = ({ directory, tokens, findTranscoded, siblings, registryAgeMs }: OperatorDeps) =>
  new Elysia({ name: 'operators' })
    .use(access(tokens))
    .get(
      '/routes',
      async () =>
        routeListing(directory, findTranscoded, registryAgeMs(), await siblings.ask({ about: 'loads' })),
      {
        permission: 'gateway:read',
        response: { 200: RouteListing },
        detail: { summary: 'The live table of routes, with owners and instances' },
      },
    )
    .get('/explain/:request_id', ({ params }) => explainRequest(siblings, params.request_id), {
      permission: 'gateway:read',
      params: t.Object({
        request_id: t.String({ maxLength: 128, description: 'As in the X-Request-ID of the response' }),
      }),
      response: { 200: ExplainedRequest },
      detail: {
        summary: 'How a recent request was routed',
        description:
          'The instances that were considered and their scores, every try with its outcome, what was left out and why. Only what was true then; nothing of what was sent or answered.',
      },
    });

/** The OpenAPI document of these pages. */
export async function describeOperatorPages(
  pages: ReturnType<typeof operatorPages>,
  version: string,
): Promise<JsonObject> {
  const description = 'What the gateway tells those who run it.';
  const described = new Elysia().use(docs({ name: 'gateway', version, description })).use(pages);
  const document: unknown = await (await described.handle(new Request('http://gateway/openapi.json'))).json();
  if (!isRecord(document)) throw new Error('The routes of the gateway have no OpenAPI document');
  return document;
}
