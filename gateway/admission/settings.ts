import { type Field, flag, integer, requiredInProduction } from '#kit/config/environment';
import { listOf, origins } from '#kit/config/urls';

/** Requests per minute; 0 disables a limit. No default suits every deployment, so production must set them. */
export const rateLimitFields = {
  RATE_LIMIT_PER_MINUTE: perMinute(0),
  RATE_LIMIT_SIGN_IN_PER_MINUTE: perMinute(6_000),
  RATE_LIMIT_REGISTRATION_PER_MINUTE: perMinute(6_000),
  RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: perMinute(6_000),
};

/** @param fallback for development, where one machine is the only client */
function perMinute(fallback: number): Field<number> {
  return requiredInProduction(
    integer(fallback, { min: 0, max: 60_000_000 }),
    'a limit that suits the deployment (.env.example suggests one), or 0 for none',
  );
}

/** CORS: the origins whose pages may read responses, and the fields they may send. */
export const crossOriginFields = {
  CORS_ORIGINS: origins(),
  CORS_CREDENTIALS: flag(false),
  CORS_ALLOWED_HEADERS: headerNames([
    ...['Authorization', 'Content-Type', 'Idempotency-Key', 'If-Match', 'If-None-Match', 'Last-Event-ID'],
    ...['X-Request-ID', 'traceparent', 'tracestate'],
    ...['Tus-Resumable', 'Upload-Length', 'Upload-Offset', 'Upload-Metadata', 'Upload-Defer-Length'],
    'Upload-Concat',
  ]),
};

/** Strict-Transport-Security, sent over TLS only: of the gateway, or of a trusted proxy in front of it. */
export const strictTransportFields = {
  HSTS_MAX_AGE: integer(31_536_000, { min: 0, max: 63_072_000 }),
  HSTS_INCLUDE_SUBDOMAINS: flag(false),
};

export const responseCacheFields = {
  /** Maximum size of the response cache of each process; 0 disables it. */
  RESPONSE_CACHE_BYTES: integer(0, { min: 0, max: 8 * 1024 ** 3 }),
};

function headerNames(fallback: readonly string[]): Field<readonly string[]> {
  return {
    parse: (value) => {
      const parts = listOf(value);
      return parts.every((part) => /^[\w!#$%&'*+.^`|~-]+$/.test(part))
        ? parts
        : { problem: 'must be header names separated by commas' };
    },
    fallback,
  };
}
