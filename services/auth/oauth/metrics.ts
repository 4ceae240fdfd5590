import { Counter, type Registry } from 'prom-client';

/** Counts what apps get and are refused. */
export const oauthMetrics = (metrics: Registry) => ({
  issued: new Counter({
    name: 'oauth_tokens_issued_total',
    help: 'Responses of the token endpoint with tokens, by grant type',
    labelNames: ['grant_type'] as const,
    registers: [metrics],
  }),
});

/** @param metrics of the process */
export const refusalCounter = (metrics: Registry) =>
  new Counter({
    name: 'oauth_requests_refused_total',
    help: 'Requests of apps that were refused, by endpoint and error code',
    labelNames: ['endpoint', 'error'] as const,
    registers: [metrics],
  });
