import { open } from 'node:fs/promises';
import { fileTypeFromBuffer } from 'file-type';
import { FileTypeMismatch, FileTypeNotAllowed } from './model';

/** The accepted media types, with their file name extensions. */
const ALLOWED: ReadonlyMap<string, readonly string[]> = new Map([
  ['image/jpeg', ['jpg', 'jpeg', 'jpe', 'jfif']],
  ['image/png', ['png', 'apng']],
  ['image/webp', ['webp']],
  ['image/gif', ['gif']],
  ['image/avif', ['avif']],
  ['image/svg+xml', ['svg']],
  ['application/pdf', ['pdf']],
  ['application/zip', ['zip']],
  ['video/mp4', ['mp4', 'm4v']],
  ['video/webm', ['webm']],
  ['audio/mpeg', ['mp3']],
  ['audio/ogg', ['ogg', 'oga']],
]);
const TYPE_BY_EXTENSION = new Map(
  [...ALLOWED].flatMap(([type, extensions]) => extensions.map((extension) => [extension, type] as const)),
);

/** Unregistered names in use for the accepted types. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['image/jpg', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  ['image/apng', 'image/png'],
  ['image/vnd.mozilla.apng', 'image/png'],
  ['image/svg', 'image/svg+xml'],
  ['application/x-zip-compressed', 'application/zip'],
  ['audio/mp3', 'audio/mpeg'],
  ['video/x-m4v', 'video/mp4'],
]);

/** Pictures that are resized. SVG can hold scripts: it is stored, never processed. */
const PICTURES = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif']);

export const isPicture = (type: string): boolean => PICTURES.has(type);

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
  const detected = isSvg(head) ? 'image/svg+xml' : (await fileTypeFromBuffer(head))?.mime;
  const type = normalized(detected ?? '');
  if (!ALLOWED.has(type))
    throw new FileTypeNotAllowed({ detail: `Accepted types: ${[...ALLOWED.keys()].join(', ')}.` });
  const claims = [declaredType(declared.contentType), typeOfExtension(declared.fileName)];
  if (claims.some((claimed) => claimed !== undefined && claimed !== type))
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

/** The first element is `svg`, preceded only by what XML allows before it. */
function isSvg(head: Buffer): boolean {
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  return /^(?:\s|<\?[^>]*>|<!--[\s\S]*?-->|<!DOCTYPE\s+svg[^>[]*(?:\[[^\]]*\]\s*)?>)*<(?:svg:)?svg[\s>/]/i.test(
    text,
  );
}

const normalized = (type: string): string => ALIASES.get(type) ?? type;

/** Sent by clients that do not know the type; `text/plain` is the default of a form part (RFC 7578). */
const UNSPECIFIC = new Set(['', 'application/octet-stream', 'text/plain']);

function declaredType(contentType: string | undefined): string | undefined {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return UNSPECIFIC.has(type) ? undefined : normalized(type);
}

/** Extensions of types that are not accepted count as well: `photo.exe` is not a picture. */
function typeOfExtension(fileName: string): string | undefined {
  const extension = /\.([A-Za-z0-9]{1,10})$/.exec(fileName)?.[1]?.toLowerCase();
  return extension === undefined ? undefined : (TYPE_BY_EXTENSION.get(extension) ?? `unknown/${extension}`);
}
