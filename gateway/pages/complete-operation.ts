import { STATUS_CODES } from 'node:http';
import { isRecord, type JsonObject } from './openapi-names';

/** An operation as Elysia generates it, with what OpenAPI requires and Elysia leaves out or misplaces. */
export const completed = (operation: JsonObject): JsonObject => ({
  ...operation,
  ...(Array.isArray(operation.parameters) && { parameters: operation.parameters.map(withoutExampleList) }),
  responses: isRecord(operation.responses) ? described(operation.responses) : {},
});

/** A description is required of every response. */
const described = (responses: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(responses).map(([status, response]) => [
      status,
      isRecord(response) && !('$ref' in response)
        ? { description: STATUS_CODES[status] ?? status, ...response }
        : response,
    ]),
  );

/** A schema's list of examples stands in the parameter a second time, where only named examples may be. */
function withoutExampleList(parameter: unknown): unknown {
  if (!isRecord(parameter) || !Array.isArray(parameter.examples)) return parameter;
  const { examples: _, ...rest } = parameter;
  return rest;
}
