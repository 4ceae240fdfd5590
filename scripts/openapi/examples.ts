import { Ajv2020 } from 'ajv/dist/2020';
import { asRecord, isRecord, type JsonObject } from '#kit/http/openapi/json-object';

/**
 * The examples and defaults of a document that do not satisfy their own schema.
 *
 * @returns a line for each, with its place
 */
export function invalidExamples(document: JsonObject): string[] {
  // Formats are annotations in JSON Schema 2020-12; the schemas of routes check them (`documents.test.ts`).
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'document', components: document.components });
  const invalid: string[] = [];
  visit(document, '#', (schema, place) => {
    const examples = [
      schema.example,
      schema.default,
      ...(Array.isArray(schema.examples) ? schema.examples : []),
    ];
    const given = examples.filter((example) => example !== undefined);
    if (given.length === 0) return;
    const validate = ajv.compile(withAbsoluteReferences(schema));
    for (const example of given)
      if (!validate(example))
        invalid.push(`${place}: ${JSON.stringify(example)} ${ajv.errorsText(validate.errors)}`);
  });
  return invalid;
}

/** Members whose own members are not schemas although they look like them. */
const VALUES = new Set(['example', 'examples', 'default', 'const', 'enum']);

function visit(value: unknown, place: string, each: (schema: JsonObject, place: string) => void): void {
  if (Array.isArray(value))
    for (const [index, item] of value.entries()) visit(item, `${place}/${index}`, each);
  if (!isRecord(value)) return;
  if ('type' in value || 'anyOf' in value || 'allOf' in value) each(value, place);
  for (const [key, member] of Object.entries(value))
    if (!VALUES.has(key) || isSchemaOfProperty(place)) visit(member, `${place}/${key}`, each);
}

const isSchemaOfProperty = (place: string) => place.endsWith('/properties');

function withAbsoluteReferences(value: unknown): JsonObject {
  const converted = (member: unknown): unknown => {
    if (Array.isArray(member)) return member.map(converted);
    if (!isRecord(member)) return member;
    return Object.fromEntries(
      Object.entries(member).map(([key, one]) => [
        key,
        key === '$ref' && typeof one === 'string' ? `document${one}` : converted(one),
      ]),
    );
  };
  return asRecord(converted(value));
}
