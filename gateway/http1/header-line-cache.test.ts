import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { emptySection, readFieldLines } from './field-lines';
import { MalformedMessage } from './malformed-message';

const LIMITS = { fieldBytes: 16 * 1024, fieldCount: 100 };

interface Meaning {
  readonly name: string;
  readonly value: string;
  readonly line: string;
}

function read(lines: readonly string[]): Meaning[] | 'refused' {
  const section = emptySection(LIMITS);
  try {
    readFieldLines(`${lines.join('\r\n')}\r\n\r\n`, 0, section);
    return section.fields.map(([name, value, line]) => ({ name, value, line }));
  } catch (failure) {
    if (failure instanceof MalformedMessage) return 'refused';
    throw failure;
  }
}

/** Parses one line without a cache. */
function meaningOf(sent: string): Meaning | null {
  const [, name, value] = /^([\w-]+):[ \t]*([^\0]*?)[ \t]*$/s.exec(sent) ?? [];
  return name === undefined || value === undefined ? null : { name, value, line: `${name}: ${value}\r\n` };
}

const name = fc.constantFrom('Host', 'host', 'A', 'AB', 'Date', 'X-Long-Name', 'Cookie', 'B C', '');
const colon = fc.constantFrom(':', ': ', ':  ', ':\t', ' :', '');
const value = fc.constantFrom(
  '',
  'a',
  'ab',
  'ba',
  'aba',
  'b:a',
  'a b',
  'x\0y',
  'z'.repeat(95),
  '1',
  '2',
  '12',
);
const end = fc.constantFrom('', ' ', '\t ');
const line = fc.tuple(name, colon, value, end).map((parts) => parts.join(''));

test('a line is parsed the same whether cached or not', () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 12 }), (lines) => {
      const sent = lines.filter((one) => one !== '');
      const meanings = sent.map(meaningOf).filter((meaning) => meaning !== null);
      const expected = meanings.length < sent.length ? 'refused' : meanings;
      for (let time = 0; time < 3; time++) expect(read(sent)).toEqual(expected);
    }),
    { numRuns: 20_000 },
  );
});

test('a cached line is still rejected with a wrong line end or beyond the limits', () => {
  const known = 'X-Known: yes';
  for (let time = 0; time < 3; time++) expect(read([known])).toHaveLength(1);
  const section = emptySection(LIMITS);
  expect(() => readFieldLines(`${known}\rX\r\n\r\n`, 0, section)).toThrow(MalformedMessage);
  expect(() => readFieldLines(`${known}\n\r\n`, 0, emptySection(LIMITS))).toThrow(MalformedMessage);
  expect(read(Array.from({ length: 101 }, () => known))).toBe('refused');
});
