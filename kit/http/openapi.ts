import { STATUS_CODES } from 'node:http';
import { PROBLEM_MEDIA_TYPE } from '../errors/problem';

export type JsonObject = { [key: string]: unknown };

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
    code: { type: 'string', description: 'Stable; decide by this one', example: 'post.not-found' },
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
  description: 'What went wrong',
  content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
};

/**
 * A generated OpenAPI document with what the standard requires and the generator leaves out or misplaces, and with the
 * problem every operation may answer.
 */
export function completeDocument(document: JsonObject): JsonObject {
  const components = isRecord(document.components) ? document.components : {};
  const schemas = isRecord(components.schemas) ? components.schemas : {};
  const paths = isRecord(document.paths) ? document.paths : {};
  return {
    ...document,
    // Schemas say `null` as 3.1 does.
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
    ...(Array.isArray(operation.parameters) && { parameters: operation.parameters.map(withoutExampleList) }),
    responses: { ...described(operation.responses), default: PROBLEM_RESPONSE },
  };
}

/** A part of a schema that is a list lands in the response itself. */
const onlyOfResponses = ({ headers, content, links }: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries({ headers, content, links }).filter(([, value]) => value !== undefined));

/** A description is required of every response; the generator names every media type a value could travel as. */
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

/** A schema's list of examples stands in the parameter a second time, where only named examples may be. */
function withoutExampleList(parameter: unknown): unknown {
  if (!isRecord(parameter) || !Array.isArray(parameter.examples)) return parameter;
  const { examples: _, ...rest } = parameter;
  return rest;
}
