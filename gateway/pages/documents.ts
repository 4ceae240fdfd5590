import type { Instance } from '#contracts/registry';
import { backOffMs, sleep } from '#kit/core/back-off';
import type { Logger } from '#kit/core/log';
import { isRecord, type JsonObject } from '#kit/http/openapi';
import type { Directory } from '../routing/directory';
import { mergeDocuments } from './merge-documents';

const FETCH_TIMEOUT_MS = 5_000;
const DOCUMENT_BYTES = 4 * 1024 * 1024;
/** A service whose document cannot be had is asked again, less and less often. */
const RETRY = { baseMs: 500, capMs: 30_000 };

/** The services' OpenAPI documents, merged into the gateway's. */
export interface Documents {
  /** As JSON, with an entity tag that changes with it. */
  merged(): { readonly text: string; readonly etag: string };
  /** The live services whose document is not there yet. */
  missing(): string[];
}

interface Held {
  /** The instances the document stands for. */
  readonly generation: string;
  document: JsonObject | undefined;
}

/**
 * Fetches the document of each live service in the background, anew whenever its instances are others, and merges
 * them when somebody asks and something has changed.
 *
 * @param gateway.url what the document's `servers` points at
 * @param gateway.own of what the gateway itself answers
 */
export function collectDocuments(
  directory: Directory,
  gateway: { readonly version: string; readonly url: string; readonly own: JsonObject },
  process: { readonly log: Logger; readonly closing: AbortSignal },
): Documents {
  const held = new Map<string, Held>();
  let merged: { text: string; etag: string } | undefined;

  directory.onChange((names) => {
    // Routes decide about paths, so any change may change the merged document.
    merged = undefined;
    for (const name of names) look(name);
  });
  for (const { name } of directory.services()) look(name);

  function look(name: string) {
    const instances = askable(directory.service(name)?.instances ?? []);
    if (instances.length === 0) {
      held.delete(name);
      return;
    }
    const generation = instances.map((one) => `${one.instance_id} ${one.version}`).join();
    const before = held.get(name);
    if (before?.generation === generation) return;
    const entry: Held = { generation, document: before?.document };
    held.set(name, entry);
    void fetchInto(name, entry);
  }

  async function fetchInto(name: string, entry: Held): Promise<void> {
    for (let attempt = 1; !process.closing.aborted && held.get(name) === entry; attempt++) {
      const instances = askable(directory.service(name)?.instances ?? []);
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
          'could not fetch an OpenAPI document: trying again',
        );
        await sleep(backOffMs(attempt, RETRY), process.closing);
      }
    }
  }

  function merge() {
    const routes = directory.routes();
    const sources = directory.services().flatMap(({ name }) => {
      const document = held.get(name)?.document;
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
    missing: () => [...held].filter(([, { document }]) => document === undefined).map(([name]) => name),
  };
}

/** The newest first: during a change of versions its document is the one that will stay. */
const askable = (instances: readonly Instance[]) =>
  instances
    .filter(({ state }) => state === 'up' || state === 'unhealthy')
    .sort((left, right) => (left.registered_at < right.registered_at ? 1 : -1));

async function fetchDocument({ host, port }: Instance, closing: AbortSignal): Promise<JsonObject> {
  const response = await fetch(`http://${host}:${port}/openapi.json`, {
    signal: AbortSignal.any([closing, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
    redirect: 'error',
  });
  if (!response.ok || response.body === null) throw new Error(`It answered with ${response.status}`);
  const document: unknown = JSON.parse(await textUpTo(response.body, DOCUMENT_BYTES));
  if (!isRecord(document) || !isRecord(document.paths)) throw new Error('It is no OpenAPI document');
  return document;
}

async function textUpTo(body: ReadableStream<Uint8Array>, bytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > bytes) throw new Error(`It is larger than ${bytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
