import type { DescField, DescMethod, FileRegistry } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { HttpRule } from '#contracts/gen/google/api/http';
import { type UploadFields, uploadFieldsOf } from './upload-fields';

/** One HTTP route of a contract, and the gRPC method that answers it. */
export interface TranscodedRoute {
  /** The service's name in the registry: the first part of its package, `auth` of `auth.v1`. */
  readonly service: string;
  readonly method: string;
  /** As services write their routes: `/files/:id/url`. */
  readonly pattern: string;
  readonly rpc: DescMethod;
  /** Which field of the request a segment of the path goes into, by its position. */
  readonly pathFields: ReadonlyMap<number, DescField>;
  /** Where the body goes: into all fields (`*`), into one, or nowhere; without one, fields come from the query. */
  readonly body: '*' | DescField | null;
  /** The field that is the answer's body; null where the whole response is. */
  readonly responseBody: DescField | null;
  /** For a form with a file: where its bytes go, and what is said about them. Null for all else. */
  readonly upload: UploadFields | null;
}

/** Extension of google.protobuf.MethodOptions; the number stands in google/api/annotations.proto. */
const HTTP_ANNOTATION = 72295728;

/**
 * The routes of all contracts, from their `google.api.http` annotations. Of path templates it understands fields
 * that are whole segments: `/files/{id}/url`.
 *
 * @throws naming the method whose annotation cannot be followed
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
    throw wrong(rpc, 'is for get, put, post, delete or patch');
  if (rpc.methodKind === 'server_streaming' || rpc.methodKind === 'bidi_streaming')
    throw wrong(rpc, 'is on a method that answers with a stream');
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
    if (name === undefined) throw wrong(rpc, `has the segment ${segment}; only {field} is understood`);
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

/** Finds the route of the contracts that is the one a service claims. */
export type FindTranscoded = (
  service: string,
  claim: { readonly method: string; readonly path: string },
) => TranscodedRoute | undefined;

/** Looks routes up whatever their parameters are called. */
export function findTranscodedIn(routes: readonly TranscodedRoute[]): FindTranscoded {
  const byShape = new Map(
    routes.map((route) => [`${route.service} ${route.method} ${shapeOf(route.pattern)}`, route]),
  );
  return (service, { method, path }) => byShape.get(`${service} ${method} ${shapeOf(path)}`);
}

const shapeOf = (pattern: string) => pattern.replaceAll(/:[^/]+/g, ':');
