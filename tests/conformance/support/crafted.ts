import { NEVER_FROM_CLIENTS } from '../cases/headers';
import { MARK } from './cases';

/** A request that is crafted to be ambiguous. */
export interface Crafted {
  readonly name: string;
  /** @param path the requested path; @param smuggled a request that must never be parsed as one */
  bytes(path: string, smuggled: string): string;
}

const request = (method: string, path: string, lines: string, body: string) =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`;

const CODINGS = [
  'Transfer-Encoding: chunked',
  'transfer-encoding: CHUNKED',
  'Transfer-Encoding:chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  ' Transfer-Encoding: chunked',
  '\tTransfer-Encoding: chunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: \x0cchunked',
  'Transfer-Encoding: \x00chunked',
  'Transfer-Encoding: chunked\x00',
  'Transfer-Encoding: \xa0chunked',
  'Transfer-Encoding: \x85chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx',
  'Transfer-Encoding: chunk',
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: chunked;x=y',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: cow, chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: \r\n\tchunked',
  'Transfer-Encoding: x\r\n chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding:\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding:',
  'Transfer_Encoding: chunked',
  'Transfer.Encoding: chunked',
  'TransferEncoding: chunked',
  'Transfer-Encoding\x00: chunked',
  'Transfer-\xaeEncoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\r\r\nTransfer-Encoding: chunked',
  'X: y\n\rTransfer-Encoding: chunked',
  'X: "\r\nTransfer-Encoding: chunked\r\nY: "',
  '\x00Transfer-Encoding: chunked',
  ':Transfer-Encoding: chunked',
  'TE: chunked',
  'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked',
  'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings',
];

/** The length headers for a body. */
const LENGTHS: [name: string, lines: (body: string) => string][] = [
  ['no length', () => ''],
  ['the full length', (body) => `Content-Length: ${body.length}\r\n`],
  ['a length of 0', () => 'Content-Length: 0\r\n'],
  ['a length of 4', () => 'Content-Length: 4\r\n'],
  ['two lengths', (body) => `Content-Length: 0\r\nContent-Length: ${body.length}\r\n`],
  [
    'a length listed in Connection',
    (body) => `Connection: content-length\r\nContent-Length: ${body.length}\r\n`,
  ],
];

const BODIES: [name: string, body: (smuggled: string) => string][] = [
  ['a request after the last chunk', (smuggled) => `0\r\n\r\n${smuggled}`],
  ['a request within a chunk', (smuggled) => `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`],
];

const framings: Crafted[] = CODINGS.flatMap((coding) =>
  LENGTHS.flatMap(([lengthName, length]) =>
    BODIES.map(([bodyName, body]) => ({
      name: `${JSON.stringify(coding)}, ${lengthName}, ${bodyName}`,
      bytes(path: string, smuggled: string) {
        const text = body(smuggled);
        return request('POST', path, `${length(text)}${coding}\r\n`, text);
      },
    })),
  ),
);

const LENGTH_LINES = [
  ...[
    '+LEN',
    '-LEN',
    '0LEN',
    '0xLEN',
    'LEN,LEN',
    'LEN, 0',
    '0, LEN',
    'LEN 0',
    '"LEN"',
    'LEN;',
    '\x0bLEN',
    '\x00LEN',
    'LEN\x00',
    '\xa0LEN',
    'LEN.0',
    'LENe0',
    '',
    '1_0',
  ].map((value) => `Content-Length: ${value}`),
  'Content-Length : LEN',
  'Content-Length\t: LEN',
  ' Content-Length: LEN',
  'Content-Length:\r\n LEN',
  'Content_Length: LEN',
  'Content-Length: 0\nContent-Length: LEN',
  'X: y\rContent-Length: LEN',
  'Content-Length: LEN\r\nContent-Length: 0',
  'Content-Length: LEN\r\nContent-Length: LEN',
  'Content-Length: LEN\r\nExpect: 100-continue',
  'Content-Length: LEN\r\nExpect: x',
  'Content-Length: 18446744073709551616',
  'Connection: close, content-length\r\nContent-Length: LEN',
];

const lengths: Crafted[] = ['GET', 'POST', 'HEAD', 'OPTIONS'].flatMap((method) =>
  LENGTH_LINES.map((line) => ({
    name: `${method} with ${JSON.stringify(line)}`,
    bytes: (path: string, smuggled: string) =>
      request(method, path, `${line.replaceAll('LEN', String(smuggled.length))}\r\n`, smuggled),
  })),
);

/** `SIZE` is the size of the smuggled request, which follows each. */
const CHUNKS = [
  ...[
    '0\n\r\n',
    '0\r\n\n',
    '0\n\n',
    '0\r\r\n\r\n',
    '0\r\n\r',
    '00000000000000000\r\n\r\n',
    '0;\n\r\n\r\n',
    '0;x\r\r\n\r\n',
  ],
  ...[
    '0;x="\r\n\r\n',
    '0 \r\n\r\n',
    ' 0\r\n\r\n',
    '0x0\r\n\r\n',
    '-0\r\n\r\n',
    '+0\r\n\r\n',
    '0_0\r\n\r\n',
    '\r\n0\r\n\r\n',
  ],
  ...[
    '1\r\nxx0\r\n\r\n',
    '1\r\nx\n0\r\n\r\n',
    '1\r\nx\r0\r\n\r\n',
    '1\r\nx\r\r\n0\r\n\r\n',
    '2\r\nx\r\n0\r\n\r\n',
    '1\nx\r\n0\r\n\r\n',
  ],
  ...[
    '1;\nx\r\n0\r\n\r\n',
    '1;x\ny\r\n0\r\n\r\n',
    '1\r\r\nx\r\n0\r\n\r\n',
    '10000000000000001\r\nx\r\n0\r\n\r\n',
    'g\r\n\r\n',
    'SIZE;\n',
  ],
  ...[
    '0\r\nX: y\n\r\n',
    '0\r\nX: y\r\n z\r\n\r\n',
    '0\r\nContent-Length: SIZE\r\n\r\n',
    '0\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
  ...[
    '0\r\nGET: /\r\n\r\n',
    '0\r\nX:',
    '0\r\nXX',
    '0\r\n\r\nX',
    '0\r\nHost: b\r\n\r\n',
    '0\r\nX-User-Id: 1\r\nAuthorization: x\r\n\r\n',
  ],
];

const chunks: Crafted[] = CHUNKS.map((chunk) => ({
  name: `chunks ${JSON.stringify(chunk)}`,
  bytes: (path: string, smuggled: string) =>
    request(
      'POST',
      path,
      'Transfer-Encoding: chunked\r\n',
      chunk.replaceAll('SIZE', smuggled.length.toString(16)) + smuggled,
    ),
}));

const START_LINES = [
  'GET PATH HTTP/1.1\r\nHost: a\r\nX: y\r\n\n',
  'GET PATH HTTP/1.1\n\nHost: a\r\n\r\n',
  'GET PATH HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'GET PATH HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
  'GET PATH HTTP/2.0\r\nHost: a\r\n\r\n',
  'GET PATH\r\n',
  'GET PATH HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET PATH HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'GET PATH HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello',
  'GET PATH HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'GET http://bPATH HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://b@aPATH HTTP/1.1\r\nHost: a\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\r\n\r\nGET PATH HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT PATH HTTP/1.1\r\nHost: a\r\n\r\n',
];

const startLines: Crafted[] = START_LINES.map((text) => ({
  name: JSON.stringify(text),
  bytes: (path: string, smuggled: string) => text.replaceAll('PATH', path) + smuggled,
}));

const LISTED = 'x-user-id, authorization, content-length, host, cookie, x-forwarded-for, transfer-encoding';

const spoofed: Crafted[] = [
  ...[...NEVER_FROM_CLIENTS, 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'Forwarded'].flatMap(
    (name) =>
      [name, name.toLowerCase(), name.toUpperCase(), `${name} `, `${name}\t`, ` ${name}`, `${name}\x00`].map(
        (spelling): Crafted => ({
          name: `the header ${JSON.stringify(spelling)}`,
          bytes: (path) => request('GET', path, `${spelling}: ${MARK}\r\n`, ''),
        }),
      ),
  ),
  {
    name: 'headers listed in Connection',
    bytes: (path) =>
      request(
        'POST',
        path,
        `Connection: ${LISTED}\r\nAuthorization: ${MARK}\r\nCookie: ${MARK}\r\nX-User-Id: ${MARK}\r\nContent-Length: 5\r\n`,
        'hello',
      ),
  },
  {
    name: 'headers listed in a second Connection',
    bytes: (path) =>
      request('GET', path, `Connection: keep-alive\r\nX-A: ${MARK}\r\nconnection: X-A\r\n`, ''),
  },
];

export const CRAFTED: readonly Crafted[] = [...framings, ...lengths, ...chunks, ...startLines, ...spoofed];

/** Suffixes of a hop's path that try to escape from it. */
export const PATH_TRICKS: readonly string[] = [
  ...[
    '/../',
    '/..',
    '/./',
    '/..;/',
    '/..;x=y/',
    '/.;/',
    '/;/../',
    '/..%3b/',
    '/%2e%2e/',
    '/%2e./',
    '/.%2e/',
    '/%2E%2E',
  ],
  ...[
    '/%2e%2e%2f',
    '/..%2f',
    '/..%5c',
    '/..\\',
    '/\\..\\',
    '/%5c..%5c',
    '/%252e%252e/',
    '/%252e%252e%252f',
    '/..%252f',
    '/%25%32%65',
  ],
  ...[
    '//',
    '///',
    '/%2f',
    '/%2f%2e%2e%2f',
    '/;',
    '/;x=y',
    '/a;x=y/b',
    '/%3b',
    '/#',
    '/%23',
    '/?',
    '/%3f',
    '/?/../',
    '/a?b#c',
    '/a%3f/../b',
  ],
  ...[
    '/%00',
    '/a%00.html',
    '/%0a',
    '/%0d%0aX:%20y',
    '/%09',
    '/%20',
    '/ ',
    '/%7f',
    '/%80',
    '/%ff',
    '/%c0%ae%c0%ae/',
    '/%c0%af',
    '/%e0%80%ae',
  ],
  ...[
    '/%u002e%u002e/',
    '/%',
    '/%2',
    '/%zz',
    '/*',
    '/~',
    '/|',
    '/[',
    '/]',
    '/{',
    '/"',
    '/<',
    '/`',
    '/^',
    '/\x00',
    '/\x7f',
    '/\xff',
    '/\t',
  ],
  ...[
    '/a/b/../../../../../x',
    '/a/./b',
    '/...',
    '/..a',
    '/a..',
    '/.a',
    '/a.',
    '/..%00/',
    '/%2e%2e%00/',
    '/..%09/',
    '/..%20/',
    '/. ./',
    '/.%20./',
  ],
];
