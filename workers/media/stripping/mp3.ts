import { type ByteSource, NotStrippable, type Output } from './bytes';

/** Kilobits per second by layer (ISO/IEC 11172-3 and 13818-3, table of `bitrate_index`). */
const MPEG1_RATES: Readonly<Record<number, readonly number[]>> = {
  1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
};
const MPEG2_LAYER1_RATES = [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
const MPEG2_RATES = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/** Hertz of MPEG 1; half of it in MPEG 2, a quarter in MPEG 2.5. */
const FREQUENCIES = [44_100, 48_000, 32_000];
const CHUNK_BYTES = 64 * 1024;

interface Frame {
  readonly length: number;
  /** What no frame of a stream differs in: version, layer and frequency. */
  readonly kind: string;
}

/**
 * Keeps the frames of sound of an MP3. Tags (ID3, APE, Lyrics3) with their pictures, and all bytes that are in no frame, go.
 * The first frame is believed when another of its kind follows.
 */
export function stripMp3(source: ByteSource, output: Output): void {
  let kind: string | undefined;
  let inSync = false;
  let at = endOfTag(source);
  for (;;) {
    const frame = frameAt(source, at);
    const fits = frame !== undefined && (kind === undefined || frame.kind === kind);
    if (fits && at + frame.length <= source.size && (inSync || isFollowed(source, at, frame))) {
      kind = frame.kind;
      inSync = true;
      output.copy(at, at + frame.length);
      at += frame.length;
    } else {
      inSync = false;
      const next = nextSync(source, at + 1);
      if (next === undefined) break;
      at = next;
    }
  }
  if (kind === undefined) throw new NotStrippable('no frames of sound');
}

const isFollowed = (source: ByteSource, at: number, { length, kind }: Frame): boolean =>
  frameAt(source, at + length)?.kind === kind;

/** ID3v2: its size is four times seven bits. */
function endOfTag(source: ByteSource): number {
  const head = source.read(0, 10);
  if (head.length < 10 || head.toString('latin1', 0, 3) !== 'ID3') return 0;
  return head.subarray(6).reduce((size, byte) => size * 128 + (byte & 0x7f), 0) + 10;
}

function nextSync(source: ByteSource, from: number): number | undefined {
  for (let at = from; at < source.size; ) {
    const chunk = source.read(at, CHUNK_BYTES);
    const found = chunk.indexOf(0xff);
    if (found !== -1) return at + found;
    at += chunk.length;
  }
  return undefined;
}

function frameAt(source: ByteSource, at: number): Frame | undefined {
  const head = source.read(at, 4);
  if (head.length < 4) return undefined;
  const word = head.readUInt32BE(0);
  if (word >>> 21 !== 0x7ff) return undefined;
  // 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5.
  const version = (word >>> 19) & 3;
  const layer = 4 - ((word >>> 17) & 3);
  const frequency = FREQUENCIES[(word >>> 10) & 3];
  if (version === 1 || layer === 4 || frequency === undefined) return undefined;
  const rates = version === 3 ? MPEG1_RATES[layer] : layer === 1 ? MPEG2_LAYER1_RATES : MPEG2_RATES;
  const rate = rates?.[(word >>> 12) & 15] ?? 0;
  if (rate === 0) return undefined;
  const hertz = frequency / (version === 3 ? 1 : version === 2 ? 2 : 4);
  const padding = (word >>> 9) & 1;
  const length =
    layer === 1
      ? (Math.floor((12_000 * rate) / hertz) + padding) * 4
      : Math.floor(((layer === 3 && version !== 3 ? 72_000 : 144_000) * rate) / hertz) + padding;
  return { length, kind: `${version}/${layer}/${hertz}` };
}
