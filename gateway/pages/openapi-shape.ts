import { type ObjectOptions, type TSchema, Type } from '@sinclair/typebox';

/**
 * The shape of an OpenAPI 3.0 or 3.1 document as far as it is merged (OpenAPI 3.1, section 4.8), without extensions. It is
 * interpreted, not compiled: the compiler of a full validator takes a second in which the gateway would forward nothing.
 */

const NAME = Type.String({ pattern: '^[A-Za-z0-9._-]+$' });
const STATUS = Type.String({ pattern: '^([1-5][0-9][0-9]|[1-5]XX|default)$' });
const PATH = Type.String({ pattern: '^/' });
const STYLE = Type.String();

const closed = (properties: Record<string, TSchema>) =>
  Type.Object(properties, { additionalProperties: false });
const optional = Type.Optional;
const ANY_NAME = Type.String({ pattern: '^' });
const mapOf = (value: TSchema, name = ANY_NAME, options: ObjectOptions = {}) =>
  Type.Record(name, value, { additionalProperties: false, ...options });

const Reference = Type.Object({ $ref: Type.String() });
const orReference = (shape: TSchema) => Type.Union([Reference, shape]);

/** The keywords whose values tools descend into; others are JSON Schema's business. */
const Schema = Type.Recursive((Self) =>
  Type.Union([
    Type.Boolean(),
    Type.Object({
      $ref: optional(Type.String()),
      type: optional(Type.Union([Type.String(), Type.Array(Type.String())])),
      properties: optional(mapOf(Self)),
      patternProperties: optional(mapOf(Self)),
      additionalProperties: optional(Self),
      items: optional(Self),
      required: optional(Type.Union([Type.Array(Type.String()), Type.Boolean()])),
      enum: optional(Type.Array(Type.Unknown())),
      allOf: optional(Type.Array(Self)),
      anyOf: optional(Type.Array(Self)),
      oneOf: optional(Type.Array(Self)),
      not: optional(Self),
      pattern: optional(Type.String()),
      format: optional(Type.String()),
      title: optional(Type.String()),
      description: optional(Type.String()),
      examples: optional(Type.Array(Type.Unknown())),
    }),
  ]),
);

const Example = orReference(
  closed({
    summary: optional(Type.String()),
    description: optional(Type.String()),
    value: optional(Type.Unknown()),
    externalValue: optional(Type.String()),
  }),
);
const Examples = mapOf(Example);

const described = {
  description: optional(Type.String()),
  required: optional(Type.Boolean()),
  deprecated: optional(Type.Boolean()),
  allowEmptyValue: optional(Type.Boolean()),
  style: optional(STYLE),
  explode: optional(Type.Boolean()),
  allowReserved: optional(Type.Boolean()),
  example: optional(Type.Unknown()),
  examples: optional(Examples),
};

const MediaType = closed({
  schema: optional(Schema),
  example: optional(Type.Unknown()),
  examples: optional(Examples),
  encoding: optional(Type.Record(Type.String(), Type.Object({}))),
});
const Content = mapOf(MediaType);
/** A value with its schema, or with content of one media type. */
const asSchemaOrContent = (properties: Record<string, TSchema>) =>
  [{ schema: Schema }, { content: mapOf(MediaType, ANY_NAME, { minProperties: 1, maxProperties: 1 }) }].map(
    (form) => closed({ ...described, ...properties, ...form }),
  );
const Header = Type.Union([Reference, ...asSchemaOrContent({})]);
const oneOf = (...values: string[]) => Type.Union(values.map((value) => Type.Literal(value)));
const Parameter = Type.Union([
  Reference,
  ...asSchemaOrContent({ name: Type.String(), in: oneOf('query', 'header', 'cookie') }),
  ...asSchemaOrContent({ name: Type.String(), in: Type.Literal('path'), required: Type.Literal(true) }),
]);
const RequestBody = orReference(
  closed({
    description: optional(Type.String()),
    content: Content,
    required: optional(Type.Boolean()),
  }),
);
const Response = orReference(
  closed({
    description: Type.String(),
    headers: optional(mapOf(Header)),
    content: optional(Content),
    links: optional(Type.Unknown()),
  }),
);
const Requirement = Type.Record(Type.String(), Type.Array(Type.String()));
const ExternalDocs = Type.Object({ url: Type.String() });

const Operation = closed({
  tags: optional(Type.Array(Type.String())),
  summary: optional(Type.String()),
  description: optional(Type.String()),
  externalDocs: optional(ExternalDocs),
  operationId: optional(Type.String()),
  parameters: optional(Type.Array(Parameter)),
  requestBody: optional(RequestBody),
  responses: mapOf(Response, STATUS, { minProperties: 1 }),
  callbacks: optional(Type.Unknown()),
  deprecated: optional(Type.Boolean()),
  security: optional(Type.Array(Requirement)),
  servers: optional(Type.Unknown()),
});

export const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

const PathItem = closed({
  summary: optional(Type.String()),
  description: optional(Type.String()),
  servers: optional(Type.Unknown()),
  parameters: optional(Type.Array(Parameter)),
  ...Object.fromEntries(METHODS.map((method) => [method, optional(Operation)])),
});

const kind = (type: string, members: Record<string, TSchema> = {}) =>
  closed({ type: Type.Literal(type), description: optional(Type.String()), ...members });
const SecurityScheme = orReference(
  Type.Union([
    kind('apiKey', {
      name: Type.String(),
      in: oneOf('query', 'header', 'cookie'),
    }),
    kind('http', { scheme: Type.String(), bearerFormat: optional(Type.String()) }),
    kind('mutualTLS'),
    kind('oauth2', { flows: Type.Object({}) }),
    kind('openIdConnect', { openIdConnectUrl: Type.String() }),
  ]),
);

const named = (shape: TSchema) => optional(mapOf(shape, NAME));
export const OpenApiShape = Type.Object({
  openapi: Type.String({ pattern: '^3\\.[01]\\.' }),
  info: optional(Type.Object({ description: optional(Type.String()) })),
  paths: mapOf(PathItem, PATH),
  security: optional(Type.Array(Requirement)),
  components: optional(
    closed({
      schemas: named(Schema),
      responses: named(Response),
      parameters: named(Parameter),
      examples: named(Example),
      requestBodies: named(RequestBody),
      headers: named(Header),
      securitySchemes: named(SecurityScheme),
      links: optional(Type.Unknown()),
      callbacks: optional(Type.Unknown()),
      pathItems: optional(Type.Unknown()),
    }),
  ),
});
