import fc from 'fast-check';

/** Segments of generated routes and paths: few, so that they often match. */
export const WORDS = ['users', 'admin', 'files', 'a'];

const TRICKS = [
  ...[
    '/',
    '//',
    '.',
    '..',
    '/../',
    '/./',
    '/..;/',
    '/.;x/',
    '..;',
    ';',
    ';x=y',
    '\\',
    '/\\../',
    '*',
    ':',
    '~',
    '|',
    '@',
  ],
  ...[
    '%2f',
    '%2F',
    '%5c',
    '%2e',
    '%2E%2e',
    '%2e%2e/',
    '%00',
    '%0a',
    '%20',
    '%25',
    '%3b',
    '%3f',
    '%23',
    '%7e',
    '%',
    '%2',
    '%zz',
  ],
  ...[
    '%252f',
    '%252e',
    '%255c',
    '%2561',
    '%253b',
    '%25%32%66',
    '%c0%ae',
    '%c0%af',
    '%e0%80%ae',
    '%c3%a9',
    '%ff',
    '%u002f',
  ],
  ...['?', '?/../', '#', '%61dmin', 'adm%69n', '%41', 'A', '\u0000', ' ', 'é'],
];

/** Deliberately ambiguous request targets. */
export const hostileTargets = fc
  .array(
    fc.oneof(
      { arbitrary: fc.constantFrom('/', ...WORDS), weight: 3 },
      { arbitrary: fc.constantFrom(...TRICKS), weight: 2 },
    ),
    {
      maxLength: 9,
    },
  )
  .map((parts) => `/${parts.join('')}`);

/** Percent-decodes once, octet by octet, as latin-1; malformed encoding is unchanged. */
export const decodedOnce = (text: string) =>
  text.replaceAll(/%([0-9a-f]{2})/gi, (_, pair) => String.fromCharCode(Number.parseInt(pair, 16)));
