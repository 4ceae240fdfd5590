import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { isSvg } from './svg';

test.each([
  '<svg>',
  '<SVG width="1">',
  '<svg:svg\n>',
  '<svg/>',
  '\ufeff  <svg >',
  '<?xml version="1.0"?>\n<!-- made by hand --><svg>',
  '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd"><svg>',
  '<!doctype svg [<!ENTITY ns "http://www.w3.org/2000/svg">] ><svg>',
])('%j is SVG', (head) => expect(isSvg(head)).toBe(true));

test.each([
  '',
  'svg',
  '<svgx>',
  '<svg',
  '<html><svg>',
  'x<svg>',
  '<!DOCTYPE html><svg>',
  '<!DOCTYPE svg [<!ENTITY',
  '<!DOCTYPE svg []x><svg>',
  '<!-- <svg>',
  '<? <svg',
])('%j is not', (head) => expect(isSvg(head)).toBe(false));

test('what precedes the element is read once, however it is built', () => {
  const part = fc.constantFrom('<!---->', '<?x?>', ' ', '<!--', '-->', '<!DOCTYPE svg ', '[', ']', '>', '\n');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 600 }), (parts) => {
      isSvg(`${parts.join('')}x`);
    }),
  );
  expect(isSvg(`${'<!---->'.repeat(500)}x`)).toBe(false);
  expect(isSvg(`${'<!---->'.repeat(500)}<svg>`)).toBe(true);
});
