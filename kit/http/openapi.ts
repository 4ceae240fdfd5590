import { STATUS_CODES } from 'node:http';
import { TypeGuard } from '@sinclair/typebox';
import { PROBLEM_MEDIA_TYPE } from '../errors/problem';
import { mediaTypesOf } from './body/read-body';

export type JsonObject = { [key: string]: unknown };

/** Whether a value is a JSON object. */
export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const PROBLEM_SCHEMA = {
  type: 'object',
  description: 'RFC 9457 problem details',
  required: ['type', 'title', 'status', 'instance', 'code', 'request_id'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    code: { type: 'string', description: 'Stable error code', example: 'post.not-found' },
    request_id: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'message'],
        properties: { field: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
};

const PROBLEM_RESPONSE = {
  description: 'Error',
  content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
};

/**
 * Completes a generated OpenAPI document: adds what the specification requires and the generator omits or misplaces, and
 * the problem response of every operation.
 */
export function completeDocument(document: JsonObject): JsonObject {
  const components = isRecord(document.components) ? document.components : {};
  const schemas = isRecord(components.schemas) ? components.schemas : {};
  const paths = isRecord(document.paths) ? document.paths : {};
  return {
    ...document,
    // The schemas express `null` as in 3.1.
    openapi: '3.1.0',
    components: { ...components, schemas: { ...schemas, Problem: PROBLEM_SCHEMA } },
    paths: mapRecord(paths, (path) => mapRecord(path, completeOperation)),
  };
}

const mapRecord = (value: unknown, change: (member: unknown) => unknown): unknown =>
  isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, change(member)]))
    : value;

function completeOperation(operation: unknown): unknown {
  if (!isRecord(operation)) return operation;
  return {
    ...operation,
    ...(isRecord(operation.requestBody) && { requestBody: completeBody(operation.requestBody) }),
    ...(Array.isArray(operation.parameters) && { parameters: operation.parameters.map(withoutExampleList) }),
    responses: { ...described(operation.responses), default: PROBLEM_RESPONSE },
  };
}

/**
 * The generator calls every body required, and lists every media type that a value could be sent as. Bodies that were
 * described by hand hold no schema of a route, and stay as they are.
 */
function completeBody(body: JsonObject): JsonObject {
  const { content } = body;
  const schema = isRecord(content) && isRecord(content[ANY]) ? content[ANY].schema : undefined;
  if (!TypeGuard.IsSchema(schema)) return body;
  const required = !TypeGuard.IsOptional(schema);
  return {
    ...body,
    required,
    content: Object.fromEntries(mediaTypesOf(schema).map((type) => [type, { schema }])),
  };
}

/** One of the media types that the generator lists for a body. */
const ANY = 'application/json';

/** The generator also copies keywords of array schemas into the response. */
const onlyOfResponses = ({ headers, content, links }: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries({ headers, content, links }).filter(([, value]) => value !== undefined));

/** Every response requires a description; the generator lists every media type a value could be sent as. */
const described = (responses: unknown): JsonObject =>
  isRecord(responses)
    ? Object.fromEntries(
        Object.entries(responses).map(([status, response]) => [
          status,
          isRecord(response) && !('$ref' in response)
            ? {
                ...onlyOfResponses(response),
                description: response.description ?? STATUS_CODES[status] ?? status,
                ...(isRecord(response.content) && { content: asJson(response.content) }),
              }
            : response,
        ]),
      )
    : {};

const asJson = (content: JsonObject): JsonObject =>
  'application/json' in content ? { 'application/json': content['application/json'] } : content;

/** The generator copies a schema's list of examples into the parameter, where only named examples are valid. */
function withoutExampleList(parameter: unknown): unknown {
  if (!isRecord(parameter) || !Array.isArray(parameter.examples)) return parameter;
  const { examples: _, ...rest } = parameter;
  return rest;
}
