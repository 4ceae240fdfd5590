import type { Instance } from '#contracts/registry';
import { backOffMs, sleep } from '#kit/core/back-off';
import type { Logger } from '#kit/core/log';
import { isRecord, type JsonObject } from '#kit/http/openapi/json-object';
import type { Directory } from '../routing/directory';
import { mergeDocuments } from './merge-documents';

const FETCH_TIMEOUT_MS = 5_000;
const DOCUMENT_BYTES = 4 * 1024 * 1024;
/** Failed fetches are retried with exponential back-off. */
const RETRY = { baseMs: 500, capMs: 30_000 };

/** The OpenAPI documents of all services, merged into that of the gateway. */
export interface Documents {
  /** As JSON, with its entity tag. */
  merged(): { readonly text: string; readonly etag: string };
  /** Live services whose document has not been fetched yet. */
  missing(): string[];
}

interface FetchedDocument {
  /** The instances it was fetched for. */
  readonly generation: string;
  document: JsonObject | undefined;
}

/**
 * Fetches the document of each live service in the background whenever its instances have changed, and merges them on
 * request.
 *
 * @param gateway.url the document's `servers` entry
 * @param gateway.own the document of the gateway's own routes
 */
export function collectDocuments(
  directory: Directory,
  gateway: { readonly version: string; readonly url: string; readonly own: JsonObject },
  process: { readonly log: Logger; readonly closing: AbortSignal },
): Documents {
  const fetched = new Map<string, FetchedDocument>();
  let merged: { text: string; etag: string } | undefined;

  directory.onChange((names) => {
    // Paths depend on the routes, so any change may change the merged document.
    merged = undefined;
    for (const name of names) update(name);
  });
  for (const { name } of directory.services()) update(name);

  function update(name: string) {
    const instances = available(directory.service(name)?.instances ?? []);
    if (instances.length === 0) {
      fetched.delete(name);
      return;
    }
    const generation = instances.map((one) => `${one.instance_id} ${one.version}`).join();
    const before = fetched.get(name);
    if (before?.generation === generation) return;
    const entry: FetchedDocument = { generation, document: before?.document };
    fetched.set(name, entry);
    void fetchInto(name, entry);
  }

  async function fetchInto(name: string, entry: FetchedDocument): Promise<void> {
    for (let attempt = 1; !process.closing.aborted && fetched.get(name) === entry; attempt++) {
      const instances = available(directory.service(name)?.instances ?? []);
      const instance = instances[(attempt - 1) % instances.length];
      if (instance === undefined) return;
      try {
        entry.document = await fetchDocument(instance, process.closing);
        merged = undefined;
        return;
      } catch (failure) {
        if (process.closing.aborted) return;
        process.log.warn(
          { err: failure, service: name, attempt },
          'fetching an OpenAPI document failed; retrying',
        );
        await sleep(backOffMs(attempt, RETRY), process.closing);
      }
    }
  }

  function merge() {
    const routes = directory.routes();
    const sources = directory.services().flatMap(({ name }) => {
      const document = fetched.get(name)?.document;
      if (document === undefined) return [];
      const isRoot = (method: string, pattern: string) => routes.isRoot(name, method, pattern);
      return [{ service: name, document, isRoot }];
    });
    const own = { service: 'gateway', document: gateway.own, isRoot: () => true };
    const text = JSON.stringify(mergeDocuments([own, ...sources], gateway));
    return { text, etag: `"${Bun.hash(text).toString(36)}"` };
  }

  return {
    merged() {
      merged ??= merge();
      return merged;
    },
    missing: () => [...fetched].filter(([, { document }]) => document === undefined).map(([name]) => name),
  };
}

/** The newest first: during a rollout its document is the one that stays. */
const available = (instances: readonly Instance[]) =>
  instances
    .filter(({ state }) => state === 'up' || state === 'unhealthy')
    .sort((left, right) => (left.registered_at < right.registered_at ? 1 : -1));

async function fetchDocument({ host, port }: Instance, closing: AbortSignal): Promise<JsonObject> {
  const response = await fetch(`http://${host}:${port}/openapi.json`, {
    signal: AbortSignal.any([closing, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
    redirect: 'error',
  });
  if (!response.ok || response.body === null) throw new Error(`Responded with status ${response.status}`);
  const document: unknown = JSON.parse(await textUpTo(response.body, DOCUMENT_BYTES));
  if (!isRecord(document) || !isRecord(document.paths)) throw new Error('Not an OpenAPI document');
  return document;
}

async function textUpTo(body: ReadableStream<Uint8Array>, bytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > bytes) throw new Error(`Larger than ${bytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
