import { afterAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { startProcess } from '../../tests/support/processes';

const MB = 1024 * 1024;
const MAX_GROWTH_MB = 40;

const service = await startProcess('tests/support/media-process.ts', {});
afterAll(service.stop);
const authorization = /^authorization (.*)$/m.exec(service.output())?.[1] ?? '';

/** Resident memory in MB: current, and the peak since the last reset. */
function memory(): { current: number; peak: number } {
  const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024;
  return { current: read('VmRSS'), peak: read('VmHWM') };
}

const BOUNDARY = 'x'.repeat(20);
/** A form with a PDF of `bytes` bytes, generated while it is sent. */
function form(bytes: number): ReadableStream<Uint8Array> {
  const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7\n`;
  const piece = Buffer.alloc(64 * 1024, 'x');
  let sent = 0;
  return new ReadableStream({
    start: (controller) => controller.enqueue(Buffer.from(head)),
    pull(controller) {
      controller.enqueue(piece);
      sent += piece.length;
      if (sent < bytes) return;
      controller.enqueue(Buffer.from(`\r\n--${BOUNDARY}--\r\n`));
      controller.close();
    },
  });
}
const upload = (bytes: number) =>
  fetch(`${service.url}/files/upload`, {
    method: 'POST',
    headers: {
      authorization,
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    },
    body: form(bytes),
  });

test('a resumable upload of 90 MB in one request takes less than 40 MB of additional memory', async () => {
  const headers = { authorization, 'tus-resumable': '1.0.0' };
  const create = async (length: number) => {
    const name = Buffer.from('a.pdf').toString('base64');
    const response = await fetch(`${service.url}/files/tus`, {
      method: 'POST',
      headers: { ...headers, 'upload-length': String(length), 'upload-metadata': `filename ${name}` },
    });
    return response.headers.get('location');
  };
  const piece = Buffer.alloc(64 * 1024, 'x');
  piece.write('%PDF-1.7\n');
  const send = async (pieces: number) => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(piece);
        if (++sent === pieces) controller.close();
      },
    });
    return fetch(`${service.url}${await create(pieces * piece.length)}`, {
      method: 'PATCH',
      headers: { ...headers, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' },
      body,
    });
  };
  expect((await send(16)).status).toBe(204);
  await Bun.write(`/proc/${service.pid}/clear_refs`, '5');
  const before = memory();
  expect((await send(90 * 16)).status).toBe(204);
  const { peak } = memory();
  console.log(
    `resident: ${before.current.toFixed(0)} MB before, peak ${peak.toFixed(0)} MB in a resumable upload`,
  );
  expect(peak - before.current).toBeLessThan(MAX_GROWTH_MB);
}, 60_000);

test('uploading and serving a file of 90 MB takes less than 40 MB of additional memory', async () => {
  expect((await upload(MB)).status).toBe(201);
  await Bun.write(`/proc/${service.pid}/clear_refs`, '5');
  const before = memory();
  const response = await upload(90 * MB);
  expect(response.status).toBe(201);
  const { id, size } = await response.json();
  expect(size).toBeGreaterThan(90 * MB);
  const uploaded = memory();
  const content = await fetch(`${service.url}/files/${id}/content`, {
    headers: { authorization },
  });
  let received = 0;
  for await (const bytes of content.body ?? []) received += bytes.length;
  expect(received).toBe(size);
  const served = memory();
  console.log(
    `resident: ${before.current.toFixed(0)} MB before, peak ${uploaded.peak.toFixed(0)} MB uploading, peak ${served.peak.toFixed(0)} MB serving`,
  );
  expect(served.peak - before.current).toBeLessThan(MAX_GROWTH_MB);
}, 60_000);
