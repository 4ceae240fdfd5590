import { Elysia, t } from 'elysia';
import type { TokenVerifier } from '#kit/auth/tokens';
import type { Runtime } from '#kit/core/runtime';
import { access } from '#kit/http/access';
import { describeApp } from '#kit/http/openapi/document';
import type { JsonObject } from '#kit/http/openapi/json-object';
import { describe } from '#kit/http/route-docs';
import { routeShares } from '#kit/http/shares/route-shares';
import type { Cluster } from '../cluster/cluster-client';
import * as explanation from '../model/explanation';
import { ExplainedRequest } from '../model/explanation';
import type { Directory } from '../routing/directory';
import type { FindTranscoded } from '../transcoding/rules';
import { explainRequest } from './explain-request';
import * as status from './status';
import { RouteListing, routeListing } from './status';

export interface OperatorDeps {
  readonly runtime: Runtime;
  readonly directory: Directory;
  readonly tokens: TokenVerifier;
  readonly findTranscoded: FindTranscoded;
  readonly cluster: Cluster;
  /** Age of the registry's last message. */
  readonly registryAgeMs: () => number;
}

/** Diagnostics for operators. */
export const operatorPages = ({
  runtime,
  directory,
  tokens,
  findTranscoded,
  cluster,
  registryAgeMs,
}: OperatorDeps) =>
  new Elysia({ name: 'operators' })
    .use(access(tokens))
    .use(routeShares(runtime))
    .get(
      '/routes',
      async () =>
        routeListing(directory, findTranscoded, registryAgeMs(), await cluster.query({ about: 'loads' })),
      {
        permission: 'gateway:read',
        share: 'diagnostics',
        response: { 200: RouteListing },
        ...describe('List the live routes with their services and instances', 'Diagnostics'),
      },
    )
    .get('/explain/:request_id', ({ params }) => explainRequest(cluster, params.request_id), {
      permission: 'gateway:read',
      share: 'diagnostics',
      params: t.Object({
        request_id: t.String({ maxLength: 128, description: 'X-Request-ID of the response' }),
      }),
      response: { 200: ExplainedRequest },
      ...describe('Explain how a recent request was routed', 'Diagnostics', {
        description:
          'The candidate instances and their scores, every attempt with its outcome, and the excluded instances with the reason, as of the request. No part of the request or response is included.',
      }),
    });

/** The OpenAPI document of these routes. */
export const describeOperatorPages = (pages: ReturnType<typeof operatorPages>, version: string): JsonObject =>
  describeApp(pages, {
    name: 'gateway',
    version,
    description: 'Diagnostics for operators.',
    schemas: { ...explanation, ...status },
    tags: { Diagnostics: 'How requests are routed, and why.' },
  });
