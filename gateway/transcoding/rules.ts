import type { DescField, DescMethod, FileRegistry } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { HttpRule } from '#contracts/gen/google/api/http';
import { type UploadFields, uploadFieldsOf } from './upload-fields';

/** An HTTP route of a contract, and the gRPC method it is transcoded to. */
export interface TranscodedRoute {
  /** The service's name in the registry: the first part of its package, `auth` in `auth.v1`. */
  readonly service: string;
  readonly method: string;
  /** In the services' route syntax: `/files/:id/url`. */
  readonly pattern: string;
  readonly rpc: DescMethod;
  /** The request field of a path segment, by its position. */
  readonly pathFields: ReadonlyMap<number, DescField>;
  /** The body's target: all fields (`*`), one field, or none; without a body, fields come from the query. */
  readonly body: '*' | DescField | null;
  /** The response field that is the body; null where the whole message is. */
  readonly responseBody: DescField | null;
  /** For a file upload: the fields of its data and metadata. Null for all other routes. */
  readonly upload: UploadFields | null;
}

/** Extension number of google.protobuf.MethodOptions, from google/api/annotations.proto. */
const HTTP_ANNOTATION = 72295728;

/**
 * The routes of all contracts, from their `google.api.http` annotations. In path templates, fields must be whole
 * segments: `/files/{id}/url`.
 *
 * @throws naming the method of an unsupported annotation
 */
export function transcodedRoutes(contracts: FileRegistry): TranscodedRoute[] {
  const routes: TranscodedRoute[] = [];
  for (const service of contracts) {
    if (service.kind !== 'service') continue;
    for (const rpc of service.methods) {
      const rule = annotationOf(rpc);
      if (rule !== undefined)
        for (const binding of [rule, ...rule.additional_bindings]) routes.push(routeOf(rpc, binding));
    }
  }
  return routes;
}

function annotationOf({ proto }: DescMethod): HttpRule | undefined {
  const annotation = proto.options?.$unknown?.find(({ no }) => no === HTTP_ANNOTATION);
  return annotation && HttpRule.decode(new BinaryReader(annotation.data).bytes());
}

function routeOf(rpc: DescMethod, rule: HttpRule): TranscodedRoute {
  if (rule.pattern === undefined || rule.pattern.$case === 'custom')
    throw wrong(rpc, 'must be for get, put, post, delete or patch');
  if (rpc.methodKind === 'server_streaming' || rpc.methodKind === 'bidi_streaming')
    throw wrong(rpc, 'is on a method with a streaming response');
  const template = rule.pattern.value;
  return {
    service: rpc.parent.typeName.split('.')[0] ?? '',
    method: rule.pattern.$case.toUpperCase(),
    pattern: template.replaceAll(/\{([a-z0-9_]+)\}/g, ':$1'),
    rpc,
    pathFields: pathFieldsOf(rpc, template),
    body: rule.body === '' || rule.body === '*' ? rule.body || null : fieldOf(rpc, 'input', rule.body),
    responseBody: rule.response_body === '' ? null : fieldOf(rpc, 'output', rule.response_body),
    upload: rpc.methodKind === 'client_streaming' ? uploadFieldsOf(rpc) : null,
  };
}

function pathFieldsOf(rpc: DescMethod, template: string): Map<number, DescField> {
  const fields = new Map<number, DescField>();
  template.split('/').forEach((segment, position) => {
    if (/^[A-Za-z0-9._~-]*$/.test(segment)) return;
    const name = /^\{([a-z0-9_]+)\}$/.exec(segment)?.[1];
    if (name === undefined) throw wrong(rpc, `has the segment ${segment}; only {field} is supported`);
    fields.set(position, fieldOf(rpc, 'input', name));
  });
  return fields;
}

function fieldOf(rpc: DescMethod, side: 'input' | 'output', name: string): DescField {
  const field = rpc[side].fields.find((one) => one.name === name);
  if (field === undefined) throw wrong(rpc, `names ${name}, which ${rpc[side].typeName} does not have`);
  return field;
}

const wrong = (rpc: DescMethod, what: string) =>
  new Error(`The google.api.http annotation of ${rpc.parent.typeName}.${rpc.name} ${what}`);

/** Finds the contract's route for a route a service claims. */
export type FindTranscoded = (
  service: string,
  claim: { readonly method: string; readonly path: string },
) => TranscodedRoute | undefined;

/** Looks up routes irrespective of their parameter names. */
export function findTranscodedIn(routes: readonly TranscodedRoute[]): FindTranscoded {
  const byShape = new Map(
    routes.map((route) => [`${route.service} ${route.method} ${shapeOf(route.pattern)}`, route]),
  );
  return (service, { method, path }) => byShape.get(`${service} ${method} ${shapeOf(path)}`);
}

const shapeOf = (pattern: string) => pattern.replaceAll(/:[^/]+/g, ':');
