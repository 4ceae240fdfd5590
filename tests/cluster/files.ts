import { randomBytes } from 'node:crypto';
import type { Client } from '../support/client';

const FILE_BYTES = 20_000;

/** A document, which is stored as it is: other bytes each time. */
export const newFile = (): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat([Buffer.from('%PDF-1.4\n'), randomBytes(FILE_BYTES)]));

/** The form that uploads a file: the same bytes for each attempt. */
export async function formOf(bytes: Uint8Array<ArrayBuffer>) {
  const form = new FormData();
  form.append('file', new File([bytes], 'fault.pdf', { type: 'application/pdf' }));
  const encoded = new Response(form);
  return { type: encoded.headers.get('content-type') ?? '', body: await encoded.bytes() };
}

/** Downloads a file, whole and by range. @returns how it differs from what was uploaded */
export async function differenceOf(
  base: string,
  owner: Client,
  { id, bytes }: { id: string; bytes: Uint8Array },
): Promise<string[]> {
  async function download(range?: string) {
    const headers = { authorization: `Bearer ${owner.token}`, ...(range !== undefined && { range }) };
    const response = await fetch(`${base}/files/${id}/content?original=true`, {
      headers,
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, bytes: await response.bytes() };
  }
  const whole = await download();
  if (whole.status !== 200) return [`file ${id}: ${whole.status}`];
  if (!Buffer.from(bytes).equals(whole.bytes)) return [`file ${id}: ${whole.bytes.length} other bytes`];
  const part = await download('bytes=100-9999');
  return part.status === 206 && Buffer.from(bytes.subarray(100, 10_000)).equals(part.bytes)
    ? []
    : [`file ${id}: ${part.status}, and a part of other bytes`];
}
