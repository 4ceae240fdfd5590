import { describe, expect, test } from 'bun:test';
import type { JsonObject } from '#kit/http/openapi/json-object';
import { announcesBreakingChanges, breakingChanges } from './breaking-changes';

const Post = {
  type: 'object',
  required: ['id', 'text'],
  properties: {
    id: { type: 'string' },
    text: { type: 'string' },
    likes: { type: 'integer' },
    state: { type: 'string', enum: ['draft', 'sent'] },
    reply_to: { $ref: '#/components/schemas/Post' },
  },
};
const NewPost = {
  type: 'object',
  required: ['text'],
  properties: {
    text: { type: 'string', minLength: 1, maxLength: 500 },
    visibility: { type: 'string', enum: ['public', 'private'] },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 5 },
    at: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] },
  },
};
const json = (schema: unknown) => ({ content: { 'application/json': { schema } } });

/** A document, with changes at places such as `operation.parameters.0.required`. */
function documentWith(changes: Record<string, unknown> = {}): JsonObject {
  const operation = {
    'x-access': 'optional',
    'x-scope': 'read:statuses',
    parameters: [
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
      { name: 'limit', in: 'query', required: false, schema: { type: 'integer', maximum: 100 } },
    ],
    requestBody: { required: false, ...json({ $ref: '#/components/schemas/NewPost' }) },
    responses: {
      200: { description: 'OK', ...json({ $ref: '#/components/schemas/Post' }) },
      201: { description: 'Created' },
    },
  };
  const parts = structuredClone<JsonObject>({ operation, Post, NewPost });
  for (const [place, value] of Object.entries(changes)) {
    const keys = place.split('.');
    let holder: JsonObject = parts;
    for (const key of keys.slice(0, -1)) holder = Object(holder[key]);
    const last = keys.at(-1) ?? '';
    if (value === undefined) delete holder[last];
    else holder[last] = value;
  }
  return {
    openapi: '3.1.0',
    paths: { '/posts/{id}': { put: parts.operation } },
    components: { schemas: { Post: parts.Post, NewPost: parts.NewPost } },
  };
}

const changesOf = (changes: Record<string, unknown>) =>
  breakingChanges(documentWith(), documentWith(changes));

test('nothing has changed', () => {
  expect(changesOf({})).toEqual([]);
});

describe('breaks clients:', () => {
  test.each<[string, Record<string, unknown>, string]>([
    [
      'a new required parameter',
      { 'operation.parameters.2': { name: 'q', in: 'query', required: true } },
      'query parameter q: required now',
    ],
    [
      'a parameter required now',
      { 'operation.parameters.1.required': true },
      'query parameter limit: required now',
    ],
    [
      'a removed parameter',
      { 'operation.parameters.1': { name: 'x', in: 'query' } },
      'query parameter limit: removed',
    ],
    [
      'a lower maximum',
      { 'operation.parameters.1.schema.maximum': 50 },
      'query parameter limit: maximum 100 is now 50',
    ],
    ['a body required now', { 'operation.requestBody.required': true }, 'body: required now'],
    ['no body any more', { 'operation.requestBody': undefined }, 'body: removed'],
    ['a new required member', { 'NewPost.required': ['text', 'tags'] }, 'body.tags: required now'],
    ['a removed request member', { 'NewPost.properties.tags': undefined }, 'body.tags: removed'],
    ['a shorter text', { 'NewPost.properties.text.maxLength': 400 }, 'body.text: maxLength 500 is now 400'],
    ['a longer minimum', { 'NewPost.properties.text.minLength': 2 }, 'body.text: minLength 1 is now 2'],
    ['a new pattern', { 'NewPost.properties.text.pattern': '^a' }, 'body.text: pattern none is now ^a'],
    [
      'a narrowed enum',
      { 'NewPost.properties.visibility.enum': ['public'] },
      'body.visibility: value "private" is not accepted any more',
    ],
    [
      'another type of items',
      { 'NewPost.properties.tags.items.type': 'integer' },
      'body.tags[]: type string is now integer',
    ],
    [
      'an alternative less',
      { 'NewPost.properties.at': { type: 'string', format: 'date-time' } },
      'body.at: other alternatives',
    ],
    ['a removed response member', { 'Post.properties.likes': undefined }, 'response 200.likes: removed'],
    [
      'a response member that may be missing',
      { 'Post.required': ['id'] },
      'response 200.text: not always there any more',
    ],
    [
      'another type of a response member',
      { 'Post.properties.likes.type': 'string' },
      'response 200.likes: type integer is now string',
    ],
    [
      'a wider type of a response member',
      { 'Post.properties.likes.type': 'number' },
      'response 200.likes: type integer is now number',
    ],
    [
      'a response member that may be null',
      { 'Post.properties.text': { anyOf: [{ type: 'string' }, { type: 'null' }] } },
      'response 200.text: other alternatives',
    ],
    [
      'a response without its values',
      { 'Post.properties.state.enum': undefined },
      'response 200.state: values are not listed any more',
    ],
    ['a removed status', { 'operation.responses.201': undefined }, 'response 201: removed'],
    [
      'a removed media type',
      { 'operation.responses.200.content': {} },
      'response 200: application/json removed',
    ],
    ['stricter access', { 'operation.x-access': 'user' }, 'access optional is now user'],
    ['another scope', { 'operation.x-scope': 'read:media' }, 'scope read:statuses is now read:media'],
    ['no scope', { 'operation.x-scope': undefined }, 'scope read:statuses removed: no app is admitted'],
    ['a permission', { 'operation.x-access': 'posts:write' }, 'access optional is now posts:write'],
  ])('%s', (_, changes, expected) => {
    expect(changesOf(changes)).toEqual([`PUT /posts/{id}: ${expected}`]);
  });

  test('a removed operation', () => {
    const removed = { ...documentWith(), paths: {} };
    expect(breakingChanges(documentWith(), removed)).toEqual(['PUT /posts/{id}: removed']);
  });
});

describe('breaks no client:', () => {
  test.each<[string, Record<string, unknown>]>([
    ['a new optional parameter', { 'operation.parameters.2': { name: 'q', in: 'query', required: false } }],
    ['a new optional member', { 'NewPost.properties.quote': { type: 'string' } }],
    ['a member that is optional now', { 'NewPost.required': [] }],
    ['a longer text', { 'NewPost.properties.text.maxLength': 600 }],
    ['a wider enum', { 'NewPost.properties.visibility.enum': ['public', 'private', 'unlisted'] }],
    [
      'a further alternative',
      { 'NewPost.properties.tags': { anyOf: [NewPost.properties.tags, { type: 'null' }] } },
    ],
    ['a wider number', { 'operation.parameters.1.schema.type': 'number' }],
    ['a new response member', { 'Post.properties.quotes': { type: 'integer' } }],
    ['a response member that is always there now', { 'Post.required': ['id', 'text', 'likes'] }],
    ['a new value in a response', { 'Post.properties.state.enum': ['draft', 'sent', 'deleted'] }],
    ['a new status', { 'operation.responses.202': { description: 'Accepted' } }],
    ['looser access', { 'operation.x-access': 'public', 'operation.x-scope': undefined }],
    ['another description', { 'operation.description': 'Other', 'Post.description': 'Other' }],
  ])('%s', (_, changes) => {
    expect(changesOf(changes)).toEqual([]);
  });

  test('another name of a parameter of the path, and a schema in the place of a reference to it', () => {
    const inlined = JSON.stringify(
      documentWith({ 'operation.requestBody': { required: false, ...json(NewPost) } }),
    );
    expect(breakingChanges(documentWith(), JSON.parse(inlined.replaceAll('{id}', '{post_id}')))).toEqual([]);
  });
});

test('the version announces breaking changes by its major number, before 1.0 by its minor one', () => {
  const announced = (before: string, after: string) => announcesBreakingChanges(before, after);
  expect([announced('0.1.0', '0.2.0'), announced('0.9.0', '1.0.0'), announced('1.4.2', '2.0.0')]).toEqual([
    true,
    true,
    true,
  ]);
  expect([announced('0.1.0', '0.1.1'), announced('1.4.2', '1.5.0'), announced('2.0.0', '1.9.0')]).toEqual([
    false,
    false,
    false,
  ]);
});
