import fc from 'fast-check';

type JsonSchema = { readonly [key: string]: unknown };

/** Within values, never in names: no error may hold it, because a value that was sent is not echoed. */
export const MARKER = 'h0stile';

const isRecord = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A document with its schemas in the place of references to them; a schema within itself is left out. */
export function dereferenced(document: JsonSchema): JsonSchema {
  const { schemas } = (document.components ?? {}) as { schemas?: Record<string, unknown> };
  const resolve = (value: unknown, within: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((item) => resolve(item, within));
    if (!isRecord(value)) return value;
    const name = /^#\/components\/schemas\/(.+)$/.exec(String(value.$ref))?.[1];
    if (name !== undefined) return within.includes(name) ? {} : resolve(schemas?.[name], [...within, name]);
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, resolve(member, within)]));
  };
  return Object.fromEntries(Object.entries(document).map(([key, member]) => [key, resolve(member, [])]));
}

/** Texts that have broken somebody's validation, storage, rendering or comparison. */
const TEXTS = [
  ...[
    '',
    ' ',
    '\u0000',
    '\ud800',
    '\udfff',
    'a\u0301'.repeat(50),
    `e${'\u0301'.repeat(9_900)}`,
    '\u3164',
    '\u202eevil',
  ],
  ...[
    '\u200b',
    '\ufeff',
    '\u2800',
    '💣',
    '👨‍👩‍👧‍👦'.repeat(300),
    'x'.repeat(70_000),
    "' or 1=1 --",
    '"; drop table users; --',
  ],
  ...[
    '$' + '{7*7}',
    '{{7*7}}',
    '<script>alert(1)</script>',
    '../../../etc/passwd',
    '..',
    '.',
    '/',
    '%00',
    '%ff',
    'a%2Fb',
    '\\',
  ],
  ...[
    '=?utf-8?B?aGk=?=',
    'a\r\nBcc: b@example.com',
    '*',
    '+',
    '"',
    '(',
    '~',
    '@',
    '#',
    '@@',
    'İ',
    'ı',
    'ß',
    'ﬀ',
    'K',
    'ﷺ',
  ],
  ...[
    'null',
    'undefined',
    'NaN',
    'true',
    '[]',
    '{}',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
  ],
  ...[
    '1990-02-30',
    '2099-12-31',
    '0000-00-00',
    '9999-99-99T99:99:99Z',
    '2024-02-29',
    '-1',
    '1e309',
    '0x10',
    '٣',
    '+5',
    ' 5',
    '5 ',
  ],
  ...[
    'jo..se@example.com',
    'a@b',
    'a@exa\u200bmple.com',
    'josé@münchen.de',
    '-----',
    '+',
    '+1',
    'https://a',
    'javascript:alert(1)',
  ],
  ...[
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '9007199254740993',
    '18446744073709551616',
  ],
];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.1,
  1e21,
  -1e21,
  1e308,
  2 ** 31,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 63),
  Number.MIN_VALUE,
];

/** Any text, mostly one of those. */
export const hostileText: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(...TEXTS).map((text) => `${MARKER}${text}`),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);
const anything: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(...NUMBERS, true, false, null, [], {}, [[]], [null]),
  fc.constant(Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, index]))),
  fc.array(hostileText, { maxLength: 300 }),
  fc.constant(JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":1}}')),
);

/** Mostly what a schema asks for, so that a value gets past the first check, with hostile parts anywhere. */
export function hostileValue(schema: unknown, depth = 0): fc.Arbitrary<unknown> {
  if (!isRecord(schema) || depth > 5) return anything;
  return fc.oneof({ weight: 4, arbitrary: fitting(schema, depth) }, { weight: 1, arbitrary: anything });
}

function fitting(schema: JsonSchema, depth: number): fc.Arbitrary<unknown> {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(alternatives))
    return fc.oneof(...alternatives.map((one) => hostileValue(one, depth + 1)));
  if (Array.isArray(schema.allOf))
    return fc
      .tuple(...schema.allOf.map((one) => hostileValue(one, depth + 1)))
      .map((parts) => Object.assign({}, ...parts));
  if (Array.isArray(schema.enum)) return fc.oneof(fc.constantFrom(...schema.enum), hostileText);
  if ('const' in schema) return fc.oneof(fc.constant(schema.const), hostileText);
  switch (schema.type) {
    case 'object':
      return objectOf(schema, depth);
    case 'array':
      return fc.array(hostileValue(schema.items, depth + 1), { maxLength: 5 });
    case 'integer':
    case 'number':
      return fc.oneof(fc.integer({ min: 0, max: 100 }), fc.constantFrom(...NUMBERS));
    case 'boolean':
      return fc.oneof(fc.boolean(), hostileText);
    default:
      return fc.oneof(exampleOf(schema), hostileText);
  }
}

function objectOf(schema: JsonSchema, depth: number): fc.Arbitrary<unknown> {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [name, hostileValue(member, depth + 1)]),
  );
  const required = Array.isArray(schema.required) ? schema.required.filter((name) => name in members) : [];
  const known = fc.record(members, { requiredKeys: required });
  const unknown = fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    fc.dictionary(fc.constantFrom(...TEXTS.slice(1, 30)), anything, { maxKeys: 2 }),
  );
  return fc.tuple(known, unknown).map(([named, others]) => ({ ...named, ...others }));
}

const exampleOf = ({ examples, example, default: fallback }: JsonSchema): fc.Arbitrary<unknown> => {
  const known = [...(Array.isArray(examples) ? examples : []), example, fallback].filter(
    (one) => one !== undefined,
  );
  return known.length > 0 ? fc.constantFrom(...known) : fc.constantFrom('a text', 'alice', '1', '2024-05-01');
};

/** A text for a place in a path or query: never empty there, and percent-encoded, or deliberately badly so. */
export const hostilePathPart: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('1', 'alice', '0190b1a0-0000-7000-8000-000000000000', '4711').map(encodeURIComponent),
  fc
    .constantFrom(...TEXTS.filter((text) => text !== '' && text.length < 200))
    .map((text) => encodeURIComponent(text.toWellFormed())),
  fc.constantFrom('%', '%ff', '%c0%af', '%00', '..', '%2e%2e', 'a%2Fb', ';', '*'),
);
