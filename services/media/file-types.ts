import { open } from 'node:fs/promises';
import { fileTypeFromBuffer } from 'file-type';
import { FileTypeMismatch, FileTypeNotAllowed } from './model';

/** What may be stored, with the endings that its names may have. */
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
const TYPE_BY_ENDING = new Map(
  [...ALLOWED].flatMap(([type, endings]) => endings.map((ending) => [ending, type] as const)),
);

/** Names in use besides the registered ones. */
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

/** Pictures that sizes are made of. SVG is a program as much as a picture: it is stored, and nothing else. */
const PICTURES = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif']);

export const isPicture = (type: string): boolean => PICTURES.has(type);

/** As much as the formats need to be told apart; what a file holds further on changes nothing. */
const SNIFFED_BYTES = 4_100;

export interface Claim {
  readonly fileName: string;
  /** As the sender says. */
  readonly contentType: string | undefined;
}

/**
 * What a file is, from its bytes.
 *
 * @throws FileTypeNotAllowed unless it is on the list
 * @throws FileTypeMismatch when the sender, or the ending of its name, says something else
 */
export async function typeOfFile(path: string, claim: Claim): Promise<string> {
  const head = await readHead(path);
  const found = isSvg(head) ? 'image/svg+xml' : (await fileTypeFromBuffer(head))?.mime;
  const type = normalized(found ?? '');
  if (!ALLOWED.has(type)) throw new FileTypeNotAllowed();
  const claims = [claimedType(claim.contentType), typeOfEnding(claim.fileName)];
  if (claims.some((claimed) => claimed !== undefined && claimed !== type)) throw new FileTypeMismatch();
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

/** The first element is `svg`, after nothing but what XML allows before it. */
function isSvg(head: Buffer): boolean {
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  return /^(?:\s|<\?[^>]*>|<!--[\s\S]*?-->|<!DOCTYPE\s+svg[^>[]*(?:\[[^\]]*\]\s*)?>)*<(?:svg:)?svg[\s>/]/i.test(
    text,
  );
}

const normalized = (type: string): string => ALIASES.get(type) ?? type;

/** What programs say that do not know; `text/plain` is what a part of a form is where it says nothing (RFC 7578). */
const CLAIMS_NOTHING = new Set(['', 'application/octet-stream', 'text/plain']);

function claimedType(contentType: string | undefined): string | undefined {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return CLAIMS_NOTHING.has(type) ? undefined : normalized(type);
}

/** Endings of kinds that are not stored claim as well: `photo.exe` is not a picture. */
function typeOfEnding(fileName: string): string | undefined {
  const ending = /\.([A-Za-z0-9]{1,10})$/.exec(fileName)?.[1]?.toLowerCase();
  return ending === undefined ? undefined : (TYPE_BY_ENDING.get(ending) ?? `unknown/${ending}`);
}
