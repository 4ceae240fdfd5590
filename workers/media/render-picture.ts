import { appendFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type FailOnOptions, type Metadata, type OutputInfo } from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import type { Rendered, Unusable } from './rendering';

/** imgproxy's default; 200 MB decoded. Counts all frames, since a decoder may hold all of them in memory. */
const MAX_PIXELS = 50_000_000;
const MAX_FRAMES = 100;
/** The longer side in pixels. Smaller pictures are not enlarged. */
const SIZES = { large: 1920, medium: 960, small: 480, thumb: 200 } as const;
/** The largest side that the library accepts. */
const THUMBHASH_PIXELS = 100;

/** The only decoder allowed for each type, and the format of its sizes besides WebP. */
const FORMATS = {
  'image/jpeg': { loader: 'VipsForeignLoadJpeg', format: 'jpeg' },
  'image/png': { loader: 'VipsForeignLoadPng', format: 'png' },
  'image/webp': { loader: 'VipsForeignLoadWebp', format: 'png' },
  'image/gif': { loader: 'VipsForeignLoadNsgif', format: 'gif' },
  'image/avif': { loader: 'VipsForeignLoadHeif', format: 'jpeg' },
} as const;

/**
 * Renders all sizes of a picture, or of the first frame of an animation: upright, in sRGB, and without metadata, because
 * they are encoded from raw pixels.
 *
 * @param request.folder receives the files
 * @param request.onDecoded called after the picture has been decoded
 * @returns the rendered sizes, or the code of why the picture is unusable
 */
export async function renderPicture(request: {
  path: string;
  type: string;
  folder: string;
  onDecoded: () => void;
}): Promise<Omit<Rendered, 'copied'> | Unusable> {
  const formats = Object.entries(FORMATS).find(([type]) => type === request.type)?.[1];
  if (formats === undefined) return { rejected: 'picture.unknown-type' };
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: [formats.loader] });
  const header = await readHeader(request.path);
  if (header === undefined) return { rejected: 'picture.unreadable' };
  const rejected = rejectionOf(header, await gifScreenPixels(request));
  if (rejected !== undefined) return { rejected };
  const pixels = (await decode(request.path, 'error')) ?? (await decodeDamaged(request));
  if (pixels === undefined) return { rejected: 'picture.unreadable' };
  request.onDecoded();
  const { width, height } = header.autoOrient;
  const sizes = [];
  for (const [name, side] of Object.entries(SIZES))
    for (const format of ['webp', formats.format] as const)
      sizes.push(await writeSize(pixels, { folder: request.folder, name, side, format }));
  return { width, height, frames: framesOf(header), sizes, ...(await placeholderOf(pixels)) };
}

/** Reads the header without decoding. */
const readHeader = (path: string): Promise<Metadata | undefined> =>
  sharp(path, { limitInputPixels: false, failOn: 'none' })
    .metadata()
    .catch(() => undefined);

const framesOf = (header: Metadata): number => header.pages ?? 1;

function rejectionOf(header: Metadata, screenPixels: number): string | undefined {
  const frames = framesOf(header);
  const pixels = Math.max(header.width * (header.pageHeight ?? header.height), screenPixels);
  if (frames > MAX_FRAMES) return 'picture.too-many-frames';
  if (pixels * frames > MAX_PIXELS) return 'picture.too-many-pixels';
  return undefined;
}

/** The logical screen of a GIF. This decoder clips an implausible one; the decoders of readers may not. */
async function gifScreenPixels({ path, type }: { path: string; type: string }): Promise<number> {
  if (type !== 'image/gif') return 0;
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(10), 0, 10, 0);
    return buffer.readUInt16LE(6) * buffer.readUInt16LE(8);
  } finally {
    await file.close();
  }
}

interface Pixels {
  readonly data: Buffer;
  readonly info: OutputInfo;
}

/** The first frame, no larger than the largest size. A truncated file is an error unless `failOn` is `none`. */
const decode = (path: string, failOn: FailOnOptions): Promise<Pixels | undefined> =>
  sharp(path, { limitInputPixels: MAX_PIXELS, failOn, pages: 1 })
    .autoOrient()
    .resize(inside(SIZES.large))
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch(() => undefined);

const END_OF_JPEG = Buffer.from([0xff, 0xd9]);
/** The share of rows that may be missing at the end. */
const MAX_MISSING_SHARE = 0.1;
const INSPECTED_PIXELS = 480;

/**
 * What browsers show all the same: a JPEG that lacks its end marker only, and a picture that lacks a little of its end.
 * Decoders fill what is missing with one color.
 */
async function decodeDamaged({ path, type }: { path: string; type: string }): Promise<Pixels | undefined> {
  if (type === 'image/jpeg') {
    // The file is the worker's own copy.
    await appendFile(path, END_OF_JPEG);
    const complete = await decode(path, 'warning');
    if (complete !== undefined) return complete;
  }
  const inspected = await sharp(path, { limitInputPixels: MAX_PIXELS, failOn: 'none', pages: 1 })
    .resize(inside(INSPECTED_PIXELS))
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch(() => undefined);
  if (inspected === undefined || missingShareOf(inspected) > MAX_MISSING_SHARE) return undefined;
  return decode(path, 'none');
}

/** The share of rows at the bottom that hold one color only. */
function missingShareOf({ data, info: { width, height, channels } }: Pixels): number {
  const rowBytes = width * channels;
  const isUniform = (row: number) =>
    data
      .subarray(row * rowBytes, (row + 1) * rowBytes)
      .every((value, at) => value === data[row * rowBytes + (at % channels)]);
  let missing = 0;
  while (missing < height && isUniform(height - 1 - missing)) missing++;
  return missing / height;
}

const inside = (side: number) =>
  ({ width: side, height: side, fit: 'inside', withoutEnlargement: true }) as const;

const fromPixels = ({ data, info: { width, height, channels } }: Pixels) =>
  sharp(data, { raw: { width, height, channels } });

async function writeSize(
  pixels: Pixels,
  size: { folder: string; name: string; side: number; format: 'webp' | 'jpeg' | 'png' | 'gif' },
) {
  const { name, format } = size;
  const path = join(size.folder, `${name}.${format}`);
  const { width, height } = await fromPixels(pixels).resize(inside(size.side)).toFormat(format).toFile(path);
  return { name, type: `image/${format}`, path, width, height };
}

/** What clients show while the picture loads. */
async function placeholderOf(pixels: Pixels): Promise<{ thumbhash: string; dominant_color: string }> {
  const { data, info } = await fromPixels(pixels)
    .resize(inside(THUMBHASH_PIXELS))
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const small = fromPixels({ data, info });
  const { dominant } = await small.removeAlpha().stats();
  const hex = [dominant.r, dominant.g, dominant.b].map((part) => part.toString(16).padStart(2, '0'));
  return {
    thumbhash: Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64'),
    dominant_color: `#${hex.join('')}`,
  };
}
