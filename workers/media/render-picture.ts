import { open } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Metadata, type OutputInfo } from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import type { Rendering } from './rendering';

/** imgproxy's default; decoded it is 200 MB. Counts all frames, as a decoder may be made to keep them all. */
const MOST_PIXELS = 50_000_000;
const MOST_FRAMES = 100;
/** The longer side, in pixels; what is smaller is not made bigger. */
const SIZES = { large: 1920, medium: 960, small: 480, thumb: 200 } as const;
/** The library takes no bigger pictures. */
const THUMBHASH_PIXELS = 100;

/** The only decoder each type is read with, and the format its sizes come in besides WebP. */
const KINDS = {
  'image/jpeg': { loader: 'VipsForeignLoadJpeg', format: 'jpeg' },
  'image/png': { loader: 'VipsForeignLoadPng', format: 'png' },
  'image/webp': { loader: 'VipsForeignLoadWebp', format: 'png' },
  'image/gif': { loader: 'VipsForeignLoadNsgif', format: 'gif' },
  'image/avif': { loader: 'VipsForeignLoadHeif', format: 'jpeg' },
} as const;

/**
 * Makes all sizes of a picture: upright, in sRGB, and without any metadata, because they are made from bare pixels. Of
 * an animated one, of its first frame.
 *
 * @param request.folder gets the files
 * @param request.onDecoded called when the picture is out of its file
 * @returns what was made, or why the picture cannot be used
 */
export async function renderPicture(request: {
  path: string;
  type: string;
  folder: string;
  onDecoded: () => void;
}): Promise<Rendering> {
  const kind = Object.entries(KINDS).find(([type]) => type === request.type)?.[1];
  if (kind === undefined) return { rejected: 'picture.unknown-type' };
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: [kind.loader] });
  const header = await readHeader(request.path);
  if (header === undefined) return { rejected: 'picture.unreadable' };
  const rejected = reasonToReject(header, await gifScreenPixels(request));
  if (rejected !== undefined) return { rejected };
  const pixels = await decode(request.path);
  if (pixels === undefined) return { rejected: 'picture.unreadable' };
  request.onDecoded();
  const { width, height } = header.autoOrient;
  const sizes = [];
  for (const [name, side] of Object.entries(SIZES))
    for (const format of ['webp', kind.format] as const)
      sizes.push(await writeSize(pixels, { folder: request.folder, name, side, format }));
  return { width, height, frames: framesOf(header), sizes, ...(await impressionOf(pixels)) };
}

/** Reads what the file says about itself, and decodes nothing. */
const readHeader = (path: string): Promise<Metadata | undefined> =>
  sharp(path, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);

const framesOf = (header: Metadata): number => header.pages ?? 1;

function reasonToReject(header: Metadata, screenPixels: number): string | undefined {
  const frames = framesOf(header);
  const pixels = Math.max(header.width * (header.pageHeight ?? header.height), screenPixels);
  if (frames > MOST_FRAMES) return 'picture.too-many-frames';
  if (pixels * frames > MOST_PIXELS) return 'picture.too-many-pixels';
  return undefined;
}

/** What a GIF claims: this decoder makes a smaller picture of a claim it does not believe, those of readers may not. */
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

/** The first frame, no bigger than the largest size. A file that ends too early is no picture. */
const decode = (path: string): Promise<Pixels | undefined> =>
  sharp(path, { limitInputPixels: MOST_PIXELS, failOn: 'error', pages: 1 })
    .autoOrient()
    .resize(inside(SIZES.large))
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch(() => undefined);

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

/** What is shown while the picture is on its way. */
async function impressionOf(pixels: Pixels): Promise<{ thumbhash: string; dominant_color: string }> {
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
