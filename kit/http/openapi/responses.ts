import { STATUS_CODES } from 'node:http';
import { PROBLEM_MEDIA_TYPE } from '../../errors/problem';
import { asRecord, isRecord, type JsonObject, mapRecord } from './json-object';
import { documentedSchema } from './schema';

/** RFC 9457, with the members that this project adds. */
export const PROBLEM_SCHEMA: JsonObject = {
  type: 'object',
  description: 'Problem details (RFC 9457)',
  required: ['type', 'title', 'status', 'instance', 'code', 'request_id'],
  properties: {
    type: { type: 'string', format: 'uri', description: 'Identifies the kind of problem, as does `code`' },
    title: { type: 'string', description: 'The kind of problem in words' },
    status: { type: 'integer', description: 'The status of the response' },
    detail: { type: 'string', description: 'What to do about it' },
    instance: { type: 'string', description: 'The path of the request' },
    code: { type: 'string', description: 'Stable error code', examples: ['post.not-found'] },
    request_id: { type: 'string', description: 'The `X-Request-ID` of the response' },
    errors: {
      type: 'array',
      description: 'What is wrong with each field, where validation failed',
      items: {
        type: 'object',
        required: ['field', 'message'],
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};

/** The one response of all errors. */
export const PROBLEM_RESPONSE: JsonObject = {
  description: 'The request failed; `code` says why',
  content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
};

const ERRORS: JsonObject = {
  '4XX': { $ref: '#/components/responses/Problem' },
  '5XX': { $ref: '#/components/responses/Problem' },
};

const LOCATION = { Location: { description: 'Where the result is found', schema: { type: 'string' } } };

/**
 * The responses of an operation: those of its schemas, those described by hand, and the problem document of every error.
 * An operation that describes no success has no content to send: 204.
 *
 * @param schemas a schema for status 200, or one for each status
 * @param described OpenAPI responses by status, in which schemas may be those of a route
 */
export function responsesOf(schemas: unknown, described: unknown): JsonObject {
  const responses = {
    ...mapRecord(schemasByStatus(schemas), (schema, status) => responseOf(status, schema)),
    ...mapRecord(asRecord(described), (response, status) => completed(status, asRecord(response))),
  };
  // 304 comes with any conditional request and says nothing about the others.
  const isSilent = !Object.keys(responses).some((status) => Number(status) < 400 && status !== '304');
  return { ...(isSilent && { 204: { description: describedStatus('204') } }), ...responses, ...ERRORS };
}

function schemasByStatus(schemas: unknown): JsonObject {
  if (!isRecord(schemas)) return {};
  const isByStatus = Object.keys(schemas).every((key) => /^[1-5][0-9]{2}$/.test(key));
  return isByStatus ? schemas : { 200: schemas };
}

function responseOf(status: string, schema: unknown): JsonObject {
  const { type, description } = asRecord(schema);
  const isEmpty = type === 'undefined' || type === 'void';
  return {
    description: isEmpty && typeof description === 'string' ? description : describedStatus(status),
    ...((status === '201' || status === '202') && { headers: LOCATION }),
    ...(!isEmpty && { content: { 'application/json': { schema: documentedSchema(schema) } } }),
  };
}

const completed = (status: string, response: JsonObject): JsonObject => ({
  description: describedStatus(status),
  ...response,
  ...(isRecord(response.content) && { content: documentedContent(response.content) }),
});

/** Content by media type, with schemas of a route. */
export const documentedContent = (content: JsonObject): JsonObject =>
  mapRecord(content, (value) => ({ ...asRecord(value), schema: documentedSchema(asRecord(value).schema) }));

const describedStatus = (status: string) => STATUS_CODES[status] ?? status;
