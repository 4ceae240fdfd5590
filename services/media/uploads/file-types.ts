import { open } from 'node:fs/promises';
import { fileTypeFromBuffer, supportedExtensions } from 'file-type';
import { FileTypeMismatch, FileTypeNotAllowed } from './model';
import { isSvg } from './svg';

/** The accepted media types, with their file name extensions. */
const ALLOWED: ReadonlyMap<string, readonly string[]> = new Map([
  ['image/jpeg', ['jpg', 'jpeg', 'jpe', 'jfif']],
  ['image/png', ['png', 'apng']],
  ['image/webp', ['webp']],
  ['image/gif', ['gif']],
  ['image/avif', ['avif']],
  ['image/heic', ['heic', 'heics', 'hif']],
  ['image/heif', ['heif', 'heifs']],
  ['image/svg+xml', ['svg']],
  ['application/pdf', ['pdf']],
  ['application/zip', ['zip']],
  ['video/mp4', ['mp4', 'm4v']],
  ['video/quicktime', ['mov', 'qt']],
  ['video/webm', ['webm']],
  ['audio/mpeg', ['mp3']],
  ['audio/ogg', ['ogg', 'oga']],
]);
const TYPE_BY_EXTENSION = new Map(
  [...ALLOWED].flatMap(([type, extensions]) => extensions.map((extension) => [extension, type] as const)),
);

/** The file name extension of an accepted type, without the dot. */
export const extensionOf = (type: string): string => ALLOWED.get(type)?.[0] ?? 'bin';

/** Unregistered names in use for the accepted types. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['image/jpg', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  ['image/apng', 'image/png'],
  ['image/vnd.mozilla.apng', 'image/png'],
  ['image/svg', 'image/svg+xml'],
  ['application/x-zip-compressed', 'application/zip'],
  ['audio/mp3', 'audio/mpeg'],
  ['audio/ogg; codecs=opus', 'audio/ogg'],
  ['video/x-m4v', 'video/mp4'],
  ['image/heic-sequence', 'image/heic'],
  ['image/heif-sequence', 'image/heif'],
]);

/**
 * Pictures that are resized. Others are stored, never processed: SVG can hold scripts, and HEIC is encoded with HEVC, which the
 * decoder library is built without for its patents.
 */
const PICTURES = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif']);

export const isPicture = (type: string): boolean => PICTURES.has(type);

/**
 * Documents: their content and what describes it cannot be told apart, and people share them as they wrote them. Everything
 * else is a picture or a recording, whose metadata a device has added.
 */
const DOCUMENTS = new Set(['image/svg+xml', 'application/pdf', 'application/zip']);

/** Whether the worker makes a copy without metadata of files of this type. */
export const isStrippable = (type: string): boolean => !DOCUMENTS.has(type);

/** Enough to distinguish the formats. */
const SNIFFED_BYTES = 4_100;

interface Declared {
  readonly fileName: string;
  readonly contentType: string | undefined;
}

/**
 * Detects the media type of a file from its first bytes.
 *
 * @throws FileTypeNotAllowed unless the type is accepted
 * @throws FileTypeMismatch when the declared type or the extension contradicts it
 */
export async function detectFileType(path: string, declared: Declared): Promise<string> {
  const head = await readHead(path);
  const detected = isSvg(head.toString('utf8'))
    ? 'image/svg+xml'
    : (typeOfBrands(head) ?? (await fileTypeFromBuffer(head))?.mime);
  const type = normalized(detected ?? '');
  if (!ALLOWED.has(type))
    throw new FileTypeNotAllowed({ detail: `Accepted types: ${[...ALLOWED.keys()].join(', ')}.` });
  const claims = [declaredType(declared.contentType), typeOfExtension(declared.fileName)];
  if (claims.some((claimed) => claimed !== undefined && formatOf(claimed) !== formatOf(type)))
    throw new FileTypeMismatch({
      detail: 'The content must match the declared media type and the file name extension.',
    });
  return type;
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SNIFFED_BYTES), 0, SNIFFED_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What devices write under each other's names: the container is the same. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ['image/heic', 'image/heif'],
  ['video/quicktime', 'video/mp4'],
]);

const formatOf = (type: string): string => FORMATS.get(type) ?? type;

/** Of `mif1` and `msf1` (ISO/IEC 23008-12), which only say that the file holds pictures: the compatible brands say which. */
const GENERIC_BRANDS = new Set(['mif1', 'msf1']);
const AVIF_BRANDS = new Set(['avif', 'avis', 'MA1A', 'MA1B']);
const HEIC_BRANDS = new Set(['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis']);

/** The media type of an ISO base media file by its compatible brands, where the major one is generic. */
function typeOfBrands(head: Buffer): string | undefined {
  if (head.length < 16 || head.toString('latin1', 4, 8) !== 'ftyp') return undefined;
  if (!GENERIC_BRANDS.has(head.toString('latin1', 8, 12))) return undefined;
  const end = Math.min(head.readUInt32BE(0), head.length);
  for (let at = 16; at + 4 <= end; at += 4) {
    const brand = head.toString('latin1', at, at + 4);
    if (AVIF_BRANDS.has(brand)) return 'image/avif';
    if (HEIC_BRANDS.has(brand)) return 'image/heic';
  }
  return 'image/heif';
}

const normalized = (type: string): string => ALIASES.get(type) ?? type;

/** Sent by clients that do not know the type; `text/plain` is the default of a form part (RFC 7578). */
const UNSPECIFIC = new Set(['', 'application/octet-stream', 'text/plain']);

function declaredType(contentType: string | undefined): string | undefined {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return UNSPECIFIC.has(type) ? undefined : normalized(type);
}

/** Text and programs, which cannot be detected by their content. */
const OTHER_EXTENSIONS = new Set(
  (
    'bat cgi cmd command cpp css csv dll doc hta htm html jar java js json jsp lnk mht mjs msi ' +
    'php pif pl ppt ps1 py rb reg scr sh shtml svgz swf txt vb vbs wasm wsf xhtml xls xml yaml yml'
  ).split(' '),
);

/**
 * Known extensions of types that are not accepted count as well: `photo.exe` is not a picture. What else follows a dot is part
 * of the name, as in `Screenshot 2026-05-01 at 10.20.30`.
 */
function typeOfExtension(fileName: string): string | undefined {
  const extension = /\.([A-Za-z0-9]{1,10})$/.exec(fileName)?.[1]?.toLowerCase() ?? '';
  const isOther = supportedExtensions.has(extension) || OTHER_EXTENSIONS.has(extension);
  return TYPE_BY_EXTENSION.get(extension) ?? (isOther ? `unknown/${extension}` : undefined);
}
