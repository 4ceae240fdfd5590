import { NotStrippable } from './bytes';

/** The vendor's name, the number of comments. */
const LENGTHS_BYTES = 8;
const SPACE = 0x20;

/**
 * Makes a comment header (Vorbis I, section 5) one without comments of the same length: the name of the vendor is blanks.
 *
 * @param header what follows the packet's own start, in place
 * @param framed whether a last byte ends it, as in Vorbis
 */
export function blankComments(header: Buffer, framed: boolean): void {
  const vendor = header.length - LENGTHS_BYTES - (framed ? 1 : 0);
  if (vendor < 0) throw new NotStrippable('a comment header that is too short');
  header.fill(0);
  header.writeUInt32LE(vendor, 0);
  header.fill(SPACE, 4, 4 + vendor);
  if (framed) header[header.length - 1] = 1;
}
