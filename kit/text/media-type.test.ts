import { expect, test } from 'bun:test';
import { canonicalContentType, isJsonType, mediaTypeOf } from './media-type';

test.each([
  ['application/json', 'application/json', 'application/json'],
  ['Application/JSON', 'application/json', 'application/json'],
  [' text/html ; charset=UTF-8', 'text/html', 'text/html; charset=UTF-8'],
  ['Multipart/Form-Data;boundary=AbC', 'multipart/form-data', 'multipart/form-data;boundary=AbC'],
  ['', '', ''],
])('%p has the media type %p', (sent, mediaType, canonical) => {
  expect(mediaTypeOf(sent)).toBe(mediaType);
  expect(canonicalContentType(sent)).toBe(canonical);
});

test('a missing Content-Type has none', () => expect(mediaTypeOf(null)).toBe(''));

test('JSON is recognized by its suffix too', () => {
  expect(['application/json', 'application/problem+json', 'text/json5'].map(isJsonType)).toEqual([
    true,
    true,
    false,
  ]);
});
