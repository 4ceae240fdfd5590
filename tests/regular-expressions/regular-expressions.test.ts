import { describe, expect, test } from 'bun:test';
import examples from './examples.ts.txt' with { type: 'text' };
import { extractExpressions } from './extract';
import { extractAll, keyOf, readLedger, slownessOf } from './verify';

/** More are recorded first, by `bun tests/regular-expressions/verify.ts`: analysing one may take seconds. */
const MAX_ANALYSED = 5;

describe('the regular expressions of the project', async () => {
  const [{ found, dynamic }, ledger] = await Promise.all([extractAll(), readLedger()]);

  test('take linear time, whatever they are given', () => {
    const unknown = [
      ...new Map(found.filter((one) => !ledger.has(keyOf(one))).map((one) => [keyOf(one), one])).values(),
    ];
    expect(unknown.length).toBeLessThanOrEqual(MAX_ANALYSED);
    const slow = unknown.flatMap((one) => {
      const slowness = slownessOf(one);
      return slowness === undefined ? [] : [`${one.at} ${keyOf(one)}: ${slowness}`];
    });
    expect(slow).toEqual([]);
  });

  test('are known before the program runs', () => {
    expect(dynamic).toEqual([]);
  });

  test('are all found: the ledger holds nothing else', () => {
    const present = new Set(found.map(keyOf));
    expect([...ledger].filter((key) => !present.has(key))).toEqual([]);
    expect(present.size).toBeGreaterThan(100);
  });
});

describe('the check', () => {
  test.each([
    ['(a+)+$', ''],
    ['\\s+$', ''],
    ['^.*,.*,.*x', ''],
    ['^(?:<!--[^]*?-->)*<svg', ''],
    ['^(ab)*(ab)*$', 'u'],
  ])('finds /%s/%s slow', (source, flags) => {
    expect(slownessOf({ source, flags })).toBeString();
  });

  test.each([
    ['^[a-z]+$', ''],
    ['\\d+', 'g'],
  ])('finds /%s/%s linear', (source, flags) => {
    expect(slownessOf({ source, flags })).toBeUndefined();
  });

  test('extracts literals, constructed expressions and patterns of schemas', () => {
    const { found, dynamic } = extractExpressions('a.ts', examples);
    expect(found.map(keyOf)).toEqual([
      '/x/gi',
      '/^[a-z]+(?:,\\d)*$/u',
      '/[a-z]+/',
      '/[a-z]+/u',
      '/^y$/u',
      '/z/',
    ]);
    expect(dynamic).toEqual(['a.ts:10', 'a.ts:11', 'a.ts:12']);
  });
});
