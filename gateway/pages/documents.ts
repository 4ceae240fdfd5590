import { LRUCache } from 'lru-cache';
import type { Instance } from '#contracts/registry';
import { instanceUrl } from '#kit/core/address';
import { backOffMs, sleep } from '#kit/core/back-off';
import { fetchTls } from '#kit/core/internal-tls';
import type { Runtime } from '#kit/core/runtime';
import { isRecord, type JsonObject } from '#kit/http/openapi/json-object';
import type { Directory } from '../routing/directory';
import { mergeDocuments, type OmittedDocument } from './merge-documents';
import { faultIn } from './openapi-faults';

const FETCH_TIMEOUT_MS = 5_000;
const DOCUMENT_BYTES = 4 * 1024 * 1024;
/** Failed fetches are retried with exponential back-off. */
const RETRY = { baseMs: 500, capMs: 30_000 };

/** Absolute URLs of one gateway that are remembered: its address, its name, both with TLS. */
const REMEMBERED_URLS = 8;

/** The OpenAPI documents of all services, merged into that of the gateway. */
export interface Documents {
  /**
   * As JSON, with its entity tag.
   *
   * @param url the absolute URL at which the client has reached the gateway, for `servers`
   */
  merged(url: string): { readonly text: string; readonly etag: string };
  /** Live services whose document is not part of it: not fetched yet, or not valid. */
  omitted(): OmittedDocument[];
}

interface FetchedDocument {
  /** The instances it was fetched for. */
  readonly generation: string;
  document: JsonObject | undefined;
  /** Why there is none. */
  fault: string;
}

/**
 * Fetches the document of each live service in the background whenever its instances have changed, and merges them on
 * request.
 *
 * A document that is not valid is left out: it is named in the log and, as `x-omitted-services`, in the merged document.
 *
 * @param gateway.own the document of the gateway's own routes
 */
export function collectDocuments(
  directory: Directory,
  gateway: { readonly version: string; readonly own: JsonObject },
  process: Pick<Runtime, 'log' | 'internalTls' | 'closing'>,
): Documents {
  const fetched = new Map<string, FetchedDocument>();
  const merged = new LRUCache<string, { text: string; etag: string }>({ max: REMEMBERED_URLS });

  directory.onChange((names) => {
    // Paths depend on the routes, so any change may change the merged document.
    merged.clear();
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
    const entry: FetchedDocument = {
      generation,
      document: before?.document,
      fault: 'It was not fetched yet',
    };
    fetched.set(name, entry);
    void fetchInto(name, entry);
  }

  async function fetchInto(name: string, entry: FetchedDocument): Promise<void> {
    for (let attempt = 1; !process.closing.aborted && fetched.get(name) === entry; attempt++) {
      const instances = available(directory.service(name)?.instances ?? []);
      const instance = instances[(attempt - 1) % instances.length];
      if (instance === undefined) return;
      try {
        const document = await fetchDocument(instance, process);
        entry.document = document;
        merged.clear();
        return;
      } catch (failure) {
        if (process.closing.aborted) return;
        const fault = failure instanceof InvalidDocument ? failure.message : 'It could not be fetched';
        if (failure instanceof InvalidDocument) entry.document = undefined;
        if (fault !== entry.fault)
          process.log.warn({ err: failure, service: name }, 'An OpenAPI document is left out; retrying');
        entry.fault = fault;
        merged.clear();
        await sleep(backOffMs(attempt, RETRY), process.closing);
      }
    }
  }

  function merge(url: string) {
    const routes = directory.routes();
    const sources = directory.services().flatMap(({ name }) => {
      const document = fetched.get(name)?.document;
      if (document === undefined) return [];
      const isRoot = (method: string, pattern: string) => routes.isRoot(name, method, pattern);
      return [{ service: name, document, isRoot }];
    });
    const own = { service: 'gateway', document: gateway.own, isRoot: () => true };
    const { version } = gateway;
    const text = JSON.stringify(mergeDocuments([own, ...sources], { version, url, omitted: omitted() }));
    return { text, etag: `"${Bun.hash(text).toString(36)}"` };
  }

  const omitted = () =>
    [...fetched]
      .filter(([, { document }]) => document === undefined)
      .map(([service, { fault }]) => ({ service, reason: fault }))
      .sort((left, right) => (left.service < right.service ? -1 : 1));

  return {
    merged(url) {
      const known = merged.get(url) ?? merge(url);
      merged.set(url, known);
      return known;
    },
    omitted,
  };
}

/** The newest first: during a rollout its document is the one that stays. */
const available = (instances: readonly Instance[]) =>
  instances
    .filter(({ state }) => state === 'up' || state === 'unhealthy')
    .sort((left, right) => (left.registered_at < right.registered_at ? 1 : -1));

async function fetchDocument(
  instance: Instance,
  { internalTls, closing }: Pick<Runtime, 'internalTls' | 'closing'>,
): Promise<JsonObject> {
  const response = await fetch(instanceUrl(instance, '/openapi.json'), {
    signal: AbortSignal.any([closing, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
    redirect: 'error',
    ...fetchTls(internalTls, instance.name),
  });
  if (!response.ok || response.body === null)
    throw new InvalidDocument(`/openapi.json responded with status ${response.status}`);
  const document = parsed(await textUpTo(response.body, DOCUMENT_BYTES));
  const fault = faultIn(document);
  if (fault !== undefined || !isRecord(document)) throw new InvalidDocument(fault);
  return document;
}

/** A response that is no document to merge; the message says why. */
class InvalidDocument extends Error {
  override readonly name = 'InvalidDocument';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidDocument('It is not JSON');
  }
}

async function textUpTo(body: ReadableStream<Uint8Array>, bytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > bytes) throw new InvalidDocument(`It is larger than ${bytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
