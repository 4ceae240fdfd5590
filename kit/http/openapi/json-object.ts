export type JsonObject = { [key: string]: unknown };

/** Whether a value is a JSON object. */
export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value as a JSON object; an empty one for anything else. */
export const asRecord = (value: unknown): JsonObject => (isRecord(value) ? value : {});

/** Copies an object with each member converted. */
export const mapRecord = (
  value: JsonObject,
  convert: (member: unknown, key: string) => unknown,
): JsonObject =>
  Object.fromEntries(Object.entries(value).map(([key, member]) => [key, convert(member, key)]));
