import type { AnyElysia } from 'elysia';
import { describeApp } from '#kit/http/openapi/document';
import { asRecord } from '#kit/http/openapi/json-object';

interface Response {
  readonly status: number;
  readonly headers: Headers;
}

/**
 * Compares responses with what the OpenAPI document of an app says about them: status and media type.
 *
 * @returns a function that returns what is not as described; undefined where all is, and for routes without documentation
 */
export function compareWithDocument(app: AnyElysia) {
  const operations = operationsOf(app);
  return (method: string, path: string, { status, headers }: Response): string | undefined => {
    const { pathname } = new URL(path, 'http://localhost');
    const operation = operations.find((one) => one.method === method && one.pattern.test(pathname));
    if (operation === undefined) return undefined;
    const described = operation.responses[status] ?? operation.responses[`${String(status)[0]}XX`];
    const where = `${method} ${operation.path}: ${status}`;
    if (described === undefined)
      return `${where} is not one of the described ${Object.keys(operation.responses).join()}`;
    const mediaTypes = Object.keys(asRecord(asRecord(described).content));
    const mediaType = headers.get('content-type')?.split(';')[0] ?? '';
    const isDescribed =
      status >= 400 || mediaType === '' || mediaTypes.includes(mediaType) || mediaTypes.includes('*/*');
    return isDescribed ? undefined : `${where} as ${mediaType} is not described`;
  };
}

/** Those with documentation; concrete paths first. */
function operationsOf(app: AnyElysia) {
  const { paths } = describeApp(app, { name: 'tested', version: '0' });
  return Object.entries(asRecord(paths))
    .flatMap(([path, item]) =>
      Object.entries(asRecord(item)).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+')}$`),
        isDocumented: asRecord(operation).summary !== undefined,
        responses: asRecord(asRecord(operation).responses),
      })),
    )
    .filter(({ isDocumented }) => isDocumented)
    .sort((left, right) => left.path.split('{').length - right.path.split('{').length);
}
