import { createRandom } from '../random';
import type { PlannedRequest, RequestKind } from './plan';

/** A request as it is sent. */
export interface PreparedRequest {
  readonly kind: string;
  readonly bytes: Uint8Array;
  readonly planned: PlannedRequest;
}

/** Serializes all requests ahead: nothing is built while load is generated. */
export function prepareRequests(url: URL, kinds: readonly RequestKind[]): Map<string, PreparedRequest[]> {
  return new Map(
    kinds.map(({ name, requests }) => [
      name,
      requests.map((planned) => ({ kind: name, bytes: bytesOf(url, planned), planned })),
    ]),
  );
}

function bytesOf(url: URL, { method, path, token, body }: PlannedRequest): Uint8Array {
  const content = body === undefined ? '' : JSON.stringify(body);
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${url.host}`,
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(body === undefined
      ? []
      : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(content)}`]),
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${content}`);
}

/** Draws requests: the kind by its weight, then one of its requests. The same ones in each run. */
export function drawRequests(
  prepared: ReadonlyMap<string, readonly PreparedRequest[]>,
  mix: Readonly<Record<string, number>>,
): () => PreparedRequest {
  const random = createRandom(1);
  const kinds = Object.entries(mix).map(([name, weight]) => {
    const requests = prepared.get(name) ?? [];
    if (requests.length === 0) throw new Error(`The plan has no requests of the kind ${name}`);
    return { weight, requests };
  });
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const [first] = kinds;
  if (first === undefined) throw new Error('The mix is empty');
  return () => {
    let left = random() * total;
    const chosen =
      kinds.find(({ weight }) => {
        left -= weight;
        return left < 0;
      }) ?? first;
    const request = chosen.requests[Math.floor(random() * chosen.requests.length)];
    if (request === undefined) throw new Error('A kind has no requests');
    return request;
  };
}
