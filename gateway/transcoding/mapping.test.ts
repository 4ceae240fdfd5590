import { describe, expect, test } from 'bun:test';
import { create, createFileRegistry, type DescMessage, fromBinary, toJson } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
  ServiceDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { MeResponse, RefreshResponse } from '#contracts/gen/auth/v1/auth';
import { HttpRule } from '#contracts/gen/google/api/http';
import { Problem } from '#kit/errors/problem';
import { readContracts } from './contracts';
import { readFields } from './field-types';
import { messageOfTexts, requestMessage } from './request-message';
import { responseJson } from './response-json';
import { findTranscodedIn, transcodedRoutes } from './rules';

const contracts = await readContracts();
const routes = transcodedRoutes(contracts);
const find = findTranscodedIn(routes);

function routeFor(request: string) {
  const [method = '', path = ''] = request.split(' ');
  const found = find(path.split('/')[1] === 'files' ? 'media' : (path.split('/')[1] ?? ''), { method, path });
  if (found === undefined) throw new Error(`no route for ${request}`);
  return found;
}

function messageNamed(name: string): DescMessage {
  const message = contracts.getMessage(name);
  if (message === undefined) throw new Error(`no message ${name}`);
  return message;
}

/** The encoded request message, as JSON. */
function encodedRequest(request: string, parts: { body?: unknown; path?: string; query?: string }) {
  const route = routeFor(request);
  const bytes = requestMessage(route, {
    path: parts.path ?? request.split(' ')[1] ?? '',
    query: new URLSearchParams(parts.query),
    body: parts.body,
  });
  return toJson(route.rpc.input, fromBinary(route.rpc.input, bytes), { useProtoFieldName: true });
}

function rejectionOf(attempt: () => unknown): Problem {
  try {
    attempt();
  } catch (failure) {
    if (failure instanceof Problem) return failure;
    throw failure;
  }
  throw new Error('It should have been refused');
}

describe('the routes of the contracts', () => {
  test('are those of their annotations, including additional bindings', () => {
    const listed = routes.map(
      ({ service, method, pattern, rpc }) => `${service}: ${method} ${pattern} ${rpc.name}`,
    );
    expect(listed).toEqual(
      expect.arrayContaining([
        'auth: POST /auth/register Register',
        'auth: POST /auth/login Login',
        'auth: POST /auth/refresh Refresh',
        'auth: GET /auth/me Me',
        'auth: POST /auth/logout Logout',
        'users: PUT /users/me UpdateMe',
        'users: PATCH /users/me UpdateMe',
        'media: POST /files/upload/avatar UploadAvatar',
        'media: GET /files/:id/url GetFileUrl',
        'media: DELETE /files/:id DeleteFile',
      ]),
    );
  });

  test('are found irrespective of parameter names, and for their own service only', () => {
    expect(find('media', { method: 'GET', path: '/files/:file_id/url' })?.rpc.name).toBe('GetFileUrl');
    expect(find('users', { method: 'GET', path: '/files/:id/url' })).toBeUndefined();
    expect(find('media', { method: 'GET', path: '/files/:id' })).toBeUndefined();
  });

  test.each([
    [{ get: '/things/{name=**}' }, 'has the segment {name=**}'],
    [{ get: '/things/{missing}' }, 'names missing'],
    [{ post: '/things', body: 'missing' }, 'names missing'],
  ])('with unsupported annotations are rejected at startup: %j', (rule, sentence) => {
    expect(() => transcodedRoutes(contractWith(rule))).toThrow(sentence);
  });
});

describe('a request', () => {
  test('includes the fields of the contract', () => {
    const body = { username: 'alice', password: 'p' };
    expect(encodedRequest('POST /auth/login', { body })).toEqual(body);
    expect(encodedRequest('POST /auth/login', { body: {} })).toEqual({});
    expect(encodedRequest('POST /auth/refresh', {})).toEqual({});
    expect(encodedRequest('GET /files/:id/url', { path: '/files/a%20b/url' })).toEqual({
      id: 'a b',
    });
  });

  test.each([{ extra: 1 }, { displayName: 'x' }, { client: {} }, JSON.parse('{"__proto__":{}}')])(
    'is rejected with a member that the contract does not name: %j',
    (unknown) => {
      const problem = rejectionOf(() =>
        encodedRequest('POST /auth/login', { body: { username: 'alice', password: 'p', ...unknown } }),
      );
      expect(problem).toMatchObject({
        code: 'request.invalid',
        errors: [{ field: Object.keys(unknown)[0], message: 'Unknown field' }],
      });
    },
  );

  test.each([
    ['GET /files/:id/url', 'limit=1', 'limit', 'Unknown field'],
    ['GET /files/:id/url', 'id=other', 'id', 'Unknown field'],
    ['GET /auth/me', 'a%20b=1', 'query', 'Unknown field'],
    ['POST /auth/login', 'username=ada', 'username', 'Unknown field'],
    ['DELETE /files/:id', 'force=1', 'force', 'Unknown field'],
  ])('%s is rejected with the query %s', (route, query, field, message) => {
    expect(rejectionOf(() => encodedRequest(route, { query }))).toMatchObject({
      status: 422,
      errors: [{ field, message }],
    });
  });

  test('is rejected with several values of a field that has one', () => {
    const message = messageNamed('auth.v1.SetCredentialsRequest');
    const texts = new URLSearchParams('version=1&version=2&username=a');
    expect(rejectionOf(() => messageOfTexts(message, texts)).errors).toEqual([
      { field: 'version', message: 'Expected one value' },
    ]);
  });

  test('without a body in the contract takes none, or an empty object', () => {
    for (const body of [undefined, {}])
      expect(encodedRequest('DELETE /files/:id', { path: '/files/a', body })).toEqual({ id: 'a' });
    for (const [body, field] of [
      [{ force: true }, 'force'],
      [[], 'body'],
      [null, 'body'],
    ] as const)
      expect(rejectionOf(() => encodedRequest('DELETE /files/:id', { body })).errors).toMatchObject([
        { field },
      ]);
  });

  test('distinguishes an empty value from a missing one', () => {
    expect(encodedRequest('PUT /users/me', { body: { bio: '' } })).toEqual({ bio: '' });
  });

  test('is rejected with the names of all mismatching fields', () => {
    const problem = rejectionOf(() =>
      encodedRequest('PUT /users/me', {
        body: { bio: ['secret'], locale: null, display_name: 5, first_name: 'Alice' },
      }),
    );
    expect(problem).toMatchObject({ status: 422, code: 'request.invalid' });
    expect(problem.errors?.map(({ field, message }) => `${field}: ${message}`).sort()).toEqual([
      'bio: Expected string',
      'display_name: Expected string',
      'locale: Expected string',
    ]);
    for (const body of [5, 'text', null, []])
      expect(rejectionOf(() => encodedRequest('PUT /users/me', { body })).errors).toEqual([
        { field: 'body', message: 'Expected object' },
      ]);
  });

  test('validates numbers, lists, enums and nested messages', () => {
    const list = messageNamed('auth.v1.ListRevocationsResponse');
    const names = (json: Record<string, unknown>) => readFields(list, json).errors.map(({ field }) => field);
    expect(names({ revocations: [{ kind: 'KIND_USER', subject: 'a', issued_until: 7 }] })).toEqual([]);
    expect(names({ revocations: [{ kind: 3, subject: 1, issued_until: 1.5 }, 7] })).toEqual([
      'revocations.0.kind',
      'revocations.0.subject',
      'revocations.0.issued_until',
      'revocations.1',
    ]);
    expect(names({ revocations: {} })).toEqual(['revocations']);
    expect(readFields(list, { revocations: [{ kin: 1 }], x: { y: 2 } }).unknown).toEqual([
      ['revocations', '0', 'kin'],
      ['x'],
    ]);
  });

  test('converts a query by the types of the fields', () => {
    const message = messageNamed('auth.v1.SetCredentialsRequest');
    const read = (query: string) => toJson(message, messageOfTexts(message, new URLSearchParams(query)));
    expect(read('version=12&username=5')).toEqual({ version: 12, username: '5' });
    expect(rejectionOf(() => read('version=twelve')).errors).toEqual([
      { field: 'version', message: 'Expected integer' },
    ]);
    expect(rejectionOf(() => read('version=99999999999')).errors).toEqual([
      { field: 'version', message: 'Not valid' },
    ]);
    const ids = messageNamed('users.v1.GetUsersRequest');
    expect(toJson(ids, messageOfTexts(ids, new URLSearchParams('ids=a&ids=b')))).toEqual({ ids: ['a', 'b'] });
  });

  test('is encoded or rejected for any input, and a rejection never echoes it', () => {
    const value = fc.oneof(fc.jsonValue(), fc.string({ minLength: 12 }));
    const body = fc.record(
      { display_name: value, bio: value, locale: value, other: value },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(body, (json) => {
        try {
          encodedRequest('PUT /users/me', { body: json });
        } catch (failure) {
          if (!(failure instanceof Problem)) throw failure;
          expect(failure.status).toBe(422);
          for (const { field, message } of failure.errors ?? []) {
            expect(['display_name', 'bio', 'locale', 'other']).toContain(field);
            expect(field === 'other' ? ['Unknown field'] : ['Expected string', 'Not valid']).toContain(
              message,
            );
          }
        }
      }),
    );
  });
});

describe('a response', () => {
  const encoded = (message: { finish(): Uint8Array }) => message.finish();

  test('has every field: null if unset, empty for a list', () => {
    const me = { id: '1', username: 'alice', email: undefined, roles: [], permissions: [], session_id: '' };
    expect(responseJson(routeFor('GET /auth/me'), encoded(MeResponse.encode(me)))).toEqual({
      ...me,
      email: null,
    });
  });

  test('is the field the contract names, and an error without it', () => {
    const tokens = { access_token: 'a', refresh_token: 'r', token_type: 'Bearer', expires_in: 3600 };
    const route = routeFor('POST /auth/refresh');
    expect(responseJson(route, encoded(RefreshResponse.encode({ tokens })))).toEqual(tokens);
    expect(() => responseJson(route, new Uint8Array())).toThrow('returned no tokens');
  });

  test('has no body for an empty message', () => {
    expect(responseJson(routeFor('POST /auth/logout'), new Uint8Array())).toBeUndefined();
  });
});

/** A contract with one method and this annotation. */
function contractWith({ get, post, body = '' }: { get?: string; post?: string; body?: string }) {
  const rule = HttpRule.encode({
    selector: '',
    pattern: get === undefined ? { $case: 'post', value: post ?? '' } : { $case: 'get', value: get },
    body,
    response_body: '',
    additional_bindings: [],
  }).finish();
  const options = create(MethodOptionsSchema);
  options.$unknown = [{ no: 72295728, wireType: 2, data: new BinaryWriter().bytes(rule).finish() }];
  const field = create(FieldDescriptorProtoSchema, {
    name: 'name',
    number: 1,
    type: FieldDescriptorProto_Type.STRING,
  });
  const method = create(MethodDescriptorProtoSchema, {
    name: 'Do',
    inputType: '.things.v1.Thing',
    outputType: '.things.v1.Thing',
    options,
  });
  const file = create(FileDescriptorProtoSchema, {
    name: 'things.proto',
    package: 'things.v1',
    syntax: 'proto3',
    messageType: [create(DescriptorProtoSchema, { name: 'Thing', field: [field] })],
    service: [create(ServiceDescriptorProtoSchema, { name: 'Things', method: [method] })],
  });
  return createFileRegistry(file, () => undefined);
}
