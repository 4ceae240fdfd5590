import { bodyTooLarge } from '../../errors/problem';

/**
 * Limits a body of unknown length while it is read, by whichever method of the request. The server itself has no limit:
 * it would respond without a problem document.
 *
 * The request stays the same object, which the server knows the client's address and timeout by.
 */
export function limitBody(request: Request, maxBytes: number): void {
  const source = request.body;
  if (source === null) return;
  const limited = new Response(source.pipeThrough(byteLimit(maxBytes)), {
    headers: { 'content-type': request.headers.get('content-type') ?? '' },
  });
  Object.defineProperties(request, {
    body: { get: () => limited.body },
    bodyUsed: { get: () => limited.bodyUsed },
    arrayBuffer: { value: () => limited.arrayBuffer() },
    blob: { value: () => limited.blob() },
    bytes: { value: () => limited.bytes() },
    formData: { value: () => limited.formData() },
    json: { value: () => limited.json() },
    text: { value: () => limited.text() },
  });
}

/** Passes bytes on; errors with BodyTooLarge at the first one beyond the limit. */
function byteLimit(maxBytes: number): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let received = 0;
  return new TransformStream({
    transform(part, controller) {
      received += part.length;
      if (received > maxBytes) throw bodyTooLarge(maxBytes);
      controller.enqueue(part);
    },
  });
}
