import { afterAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { startProcess } from '../../tests/support/processes';

const MB = 1024 * 1024;
const MOST_GROWTH_MB = 40;

const service = await startProcess('tests/support/media-process.ts', {});
afterAll(service.stop);
const authorization = /^authorization (.*)$/m.exec(service.output())?.[1] ?? '';

/** Of resident memory, in MB: now and at its highest since the last reset. */
function memory(): { now: number; highest: number } {
  const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024;
  return { now: read('VmRSS'), highest: read('VmHWM') };
}

const BOUNDARY = 'x'.repeat(20);
/** A PDF of so many bytes in a form, made as it is sent. */
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

test('a file of 90 MB is taken and served with less than 40 MB of memory more', async () => {
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
    `resident: ${before.now.toFixed(0)} MB before, at most ${uploaded.highest.toFixed(0)} MB uploading, at most ${served.highest.toFixed(0)} MB serving`,
  );
  expect(served.highest - before.now).toBeLessThan(MOST_GROWTH_MB);
}, 60_000);
