import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { createBodyDecoder } from './body-decoder';
import { createBodyEncoder, type PartSink } from './body-encoder';
import { CHUNKED, type Framing } from './framing';
import { MalformedMessage } from './malformed-message';
import type { HeaderList } from './message';

interface Decoded {
  content: string;
  trailers: HeaderList;
  rest: string;
  done: boolean;
}

function decode(framing: Framing, pieces: readonly string[]): Decoded | 'refused' {
  const decoder = createBodyDecoder(framing);
  let content = '';
  let rest = '';
  try {
    for (const piece of pieces) {
      const bytes = Buffer.from(piece, 'latin1');
      const end = decoder.decode(bytes, 0, {
        content(part, from, to) {
          content += part.toString('latin1', from, to);
        },
      });
      rest += bytes.toString('latin1', end);
    }
  } catch (failure) {
    if (failure instanceof MalformedMessage) return 'refused';
    throw failure;
  }
  return { content, trailers: decoder.trailers, rest, done: decoder.done };
}

function encode(framing: Framing, spans: readonly string[], trailers: HeaderList): string {
  const encoder = createBodyEncoder(framing);
  let text = '';
  const sink: PartSink = {
    push(part) {
      text += part;
    },
    pushBytes(bytes, start, end) {
      text += bytes.toString('latin1', start, end);
    },
  };
  for (const span of spans) encoder.content(Buffer.from(span, 'latin1'), 0, span.length, sink);
  encoder.end(trailers, sink);
  return text;
}

const cutAt = (text: string, sizes: readonly number[]) => {
  const pieces: string[] = [];
  for (let position = 0, index = 0; position < text.length; index++) {
    const end = position + (sizes[index % sizes.length] ?? 1);
    pieces.push(text.slice(position, end));
    position = end;
  }
  return pieces;
};

describe('the end of a body is determined by its framing', () => {
  test('by length, and what follows is not consumed', () => {
    expect(decode({ kind: 'length', length: 3 }, ['ab', 'cd'])).toEqual({
      content: 'abc',
      trailers: [],
      rest: 'd',
      done: true,
    });
  });

  test('in chunks, with extensions ignored and trailers retained', () => {
    const text = '3;name="value";x\r\nabc\r\n0\r\nChecksum: 1\r\n\r\nnext';
    expect(decode(CHUNKED, [text])).toEqual({
      content: 'abc',
      trailers: [['Checksum', '1', 'Checksum: 1\r\n']],
      rest: 'next',
      done: true,
    });
  });

  test('chunked encoding and decoding is lossless for every split into packets', () => {
    const spans = fc.array(fc.string({ maxLength: 60, unit: 'binary-ascii' }), { maxLength: 6 });
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(spans, sizes, fc.boolean(), (contents, pieceSizes, withTrailer) => {
        const trailers: HeaderList = withTrailer ? [['X-Sum', '7', 'X-Sum: 7\r\n']] : [];
        const text = `${encode(CHUNKED, contents, trailers)}GET /`;
        const expected = { content: contents.join(''), trailers, rest: 'GET /', done: true };
        expect(decode(CHUNKED, cutAt(text, pieceSizes))).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('ambiguous chunks are rejected', () => {
  test.each([
    ['no size', '\r\nabc'],
    ['a size that is not a number', 'g\r\n'],
    ['a negative size', '-1\r\n'],
    ['a size with a prefix', '0x3\r\nabc\r\n'],
    ['a space after the size', '3 \r\nabc\r\n'],
    ['an unlimited size', `${'f'.repeat(13)}\r\n`],
    ['a size line ended by LF', '3\nabc\r\n'],
    ['an extension ended by LF', '3;a\nabc\r\n'],
    ['an unlimited extension', `3;${'a'.repeat(300)}`],
    ['a control character in an extension', '3;a\0\r\nabc\r\n'],
    ['content longer than its size', '3\r\nabcd\r\n'],
    ['content ended by LF', '3\r\nabc\n0\r\n\r\n'],
    ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
    ['unlimited trailers', `0\r\nA: ${'b'.repeat(9_000)}`],
  ])('%s', (_, text) => {
    expect(decode(CHUNKED, [text])).toBe('refused');
    expect(decode(CHUNKED, [...text])).toBe('refused');
  });

  test('random bytes are decoded or rejected, the same for every split', () => {
    const text = fc.array(fc.constantFrom('0', '1', '5', 'a', ';', '\r\n', '\r', '\n', ' ', 'X: y', '\0'), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(text, (parts) => {
        const whole = parts.join('');
        const [atOnce, byByte] = [decode(CHUNKED, [whole]), decode(CHUNKED, [...whole])];
        if (atOnce === 'refused' || byByte === 'refused') expect(byByte).toBe(atOnce);
        else expect(byByte).toEqual(atOnce);
      }),
      { numRuns: 3_000 },
    );
  });
});
