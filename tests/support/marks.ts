import { randomBytes } from 'node:crypto';

/** Letters that no canonical key changes, found in whatever they are part of. */
export const newMark = (): string =>
  `zq${BigInt(`0x${randomBytes(8).toString('hex')}`)
    .toString(36)
    .slice(0, 11)}`;

/**
 * How a text may be written in a store: as it is, in hexadecimal, and in base64 at each of its three alignments. Escaped in
 * JSON or in a URL, letters and digits stay as they are.
 */
export function spellingsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const aligned = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // The first and the last characters depend on what is around the text.
    return encoded.replace(/=+$/, '').slice(offset === 0 ? 0 : offset + 1, -1);
  });
  return [
    text,
    bytes.toString('hex'),
    ...aligned,
    ...aligned.map((each) => each.replaceAll('+', '-').replaceAll('/', '_')),
  ];
}

/** A UUID as text, and as the 16 bytes of a column. */
export const spellingsOfId = (id: string): (string | Buffer)[] => [
  id,
  Buffer.from(id.replaceAll('-', ''), 'hex'),
  id.replaceAll('-', ''),
];

/** The excerpt around the first of these in the bytes, whatever its case. */
export function excerptAround(bytes: Buffer, spellings: readonly (string | Buffer)[]): string | undefined {
  const lower = Buffer.from(bytes.toString('latin1').toLowerCase(), 'latin1');
  for (const spelling of spellings) {
    const [at, inLower] = [bytes.indexOf(spelling), lower.indexOf(spelling)];
    const found = Math.max(at, inLower);
    if (found >= 0) return bytes.subarray(Math.max(0, found - 40), found + 60).toString();
  }
  return undefined;
}
