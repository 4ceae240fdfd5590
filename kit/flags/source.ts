import { mkdirSync, readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { repeatEvery } from '../core/repeat';
import type { Runtime } from '../core/runtime';
import { createFlags, type FeaturePayload, type Flags, parseFeatures } from './flags';

export interface FlagsEnvironment {
  readonly GROWTHBOOK_API_HOST: string | undefined;
  readonly GROWTHBOOK_CLIENT_KEY: string | undefined;
  readonly GROWTHBOOK_CACHE_FILE: string;
  readonly FEATURES_FILE: string;
  readonly FEATURES_REFRESH_MS: number;
}

/** After a timeout the flags remain unchanged. */
const FETCH_TIMEOUT_MS = 5_000;
/** Thousands of flags fit; more is a mistake. */
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;

/**
 * Opens the flags of a process: from GrowthBook's SDK endpoint when it is configured, otherwise from a file. They are
 * refreshed in the background, so neither requests nor the start wait for them, and changes need no restart. The last
 * valid flags survive an outage in memory, and a restart during an outage in `GROWTHBOOK_CACHE_FILE`.
 *
 * @throws when only one of `GROWTHBOOK_API_HOST` and `GROWTHBOOK_CLIENT_KEY` is set
 */
export function openFlags(runtime: Runtime, env: FlagsEnvironment): Flags {
  const endpoint = endpointOf(env);
  const flags = createFlags(initialFeatures(runtime, env, endpoint !== undefined));
  const refresh = refresher(env, endpoint, flags.replace);
  repeatEvery(runtime, 'refreshing feature flags', { everyMs: env.FEATURES_REFRESH_MS }, refresh);
  return flags;
}

function endpointOf(env: FlagsEnvironment): URL | undefined {
  const { GROWTHBOOK_API_HOST: host, GROWTHBOOK_CLIENT_KEY: key } = env;
  if (host === undefined && key === undefined) return undefined;
  if (host === undefined || key === undefined)
    throw new Error('GROWTHBOOK_API_HOST and GROWTHBOOK_CLIENT_KEY must be set together');
  return new URL(`api/features/${encodeURIComponent(key)}`, host.endsWith('/') ? host : `${host}/`);
}

/** The newest features available without waiting: the cached ones, otherwise those of the file, otherwise none. */
function initialFeatures(
  runtime: Runtime,
  env: FlagsEnvironment,
  remote: boolean,
): FeaturePayload | undefined {
  const files = remote ? [env.GROWTHBOOK_CACHE_FILE, env.FEATURES_FILE] : [env.FEATURES_FILE];
  for (const file of files) {
    try {
      return parseFeatures(readFileSync(file, 'utf8'));
    } catch (failure) {
      runtime.log.info({ err: String(failure) }, `no feature flags from ${file}`);
    }
  }
  return undefined;
}

/** Fetches the features once, and replaces the flags when they have changed. */
function refresher(
  env: FlagsEnvironment,
  endpoint: URL | undefined,
  replace: (payload: FeaturePayload) => void,
): () => Promise<void> {
  let seen: string | undefined;
  return async () => {
    const text =
      endpoint === undefined ? await readFile(env.FEATURES_FILE, 'utf8') : await fetchFeatures(endpoint);
    if (text === seen) return;
    replace(parseFeatures(text));
    if (endpoint !== undefined) await store(env.GROWTHBOOK_CACHE_FILE, text);
    seen = text;
  };
}

/** Not by the SDK, which shares one cache per process and does not report failures. */
async function fetchFeatures(endpoint: URL): Promise<string> {
  const response = await fetch(endpoint, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`GrowthBook responded with ${response.status}`);
  const text = await response.text();
  if (text.length > MAX_PAYLOAD_BYTES) throw new Error('GrowthBook responded with more than 4 MiB');
  return text;
}

/** Atomic: written to another file and renamed. */
async function store(file: string, text: string): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const written = `${file}.${process.pid}`;
  await writeFile(written, text, { mode: 0o600 });
  await rename(written, file);
}
