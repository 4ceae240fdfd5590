import type { JsonObject } from './json-object';

/** What a client sends, by the access rule of a route that needs something else than an access token. */
export type SecuritySchemes = Readonly<Record<string, JsonObject>>;

const BEARER: JsonObject = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'An access token of `POST /login`',
};

/** The schemes of the rules in `kit/http/access`; an access token is the one of all other rules. */
const SCHEMES: SecuritySchemes = {
  service: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A service token: signed by the calling service for this one, valid for a minute',
  },
};

export interface OperationSecurity {
  /** The security requirements of the operation. */
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  /** The schemes that they name. */
  readonly schemes: SecuritySchemes;
  /** The rule in words. */
  readonly sentence: string;
}

/**
 * What an access rule means to a client.
 *
 * @param rule `public`, `optional`, `user`, `service`, one of `own`, or a permission
 * @param own schemes of the service, by the rule that they serve
 */
export function securityOf(rule: string, own: SecuritySchemes = {}): OperationSecurity {
  if (rule === 'public') return { security: [], schemes: {}, sentence: 'Access: public.' };
  const scheme = own[rule] ?? SCHEMES[rule];
  if (scheme !== undefined)
    return {
      security: [{ [rule]: [] }],
      schemes: { [rule]: scheme },
      sentence: `Access: ${rule.replaceAll('-', ' ')}.`,
    };
  const schemes = { bearer: BEARER };
  if (rule === 'optional')
    return { security: [{}, { bearer: [] }], schemes, sentence: 'Access: public, or with an access token.' };
  if (rule === 'user') return { security: [{ bearer: [] }], schemes, sentence: 'Access: access token.' };
  return {
    security: [{ bearer: [] }],
    schemes,
    sentence: `Access: access token with the permission \`${rule}\`.`,
  };
}
