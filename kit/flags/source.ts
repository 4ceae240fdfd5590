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

/** An answer that takes longer is given up; the flags stay as they are. */
const FETCH_TIMEOUT_MS = 5_000;
/** Thousands of flags fit; more is a mistake. */
const LARGEST_PAYLOAD_BYTES = 4 * 1024 * 1024;

/**
 * The flags of a process: from GrowthBook's SDK endpoint where one is named, else from a file. They are looked for in
 * the background, so neither a request nor the start ever waits for them, and a change works without a restart. What was
 * good last stays through an outage in memory, and through a restart during one in `GROWTHBOOK_CACHE_FILE`.
 *
 * @throws when only one of `GROWTHBOOK_API_HOST` and `GROWTHBOOK_CLIENT_KEY` is set
 */
export function openFlags(runtime: Runtime, env: FlagsEnvironment): Flags {
  const endpoint = endpointOf(env);
  const flags = createFlags(firstFeatures(runtime, env, endpoint !== undefined));
  const refresh = refresher(env, endpoint, flags.replace);
  repeatEvery(runtime, 'looking for feature flags', { everyMs: env.FEATURES_REFRESH_MS }, refresh);
  return flags;
}

function endpointOf(env: FlagsEnvironment): URL | undefined {
  const { GROWTHBOOK_API_HOST: host, GROWTHBOOK_CLIENT_KEY: key } = env;
  if (host === undefined && key === undefined) return undefined;
  if (host === undefined || key === undefined)
    throw new Error('GROWTHBOOK_API_HOST and GROWTHBOOK_CLIENT_KEY must be set together');
  return new URL(`api/features/${encodeURIComponent(key)}`, host.endsWith('/') ? host : `${host}/`);
}

/** The newest that can be had without waiting: what was good last, else what the file says, else nothing. */
function firstFeatures(runtime: Runtime, env: FlagsEnvironment, remote: boolean): FeaturePayload | undefined {
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

/** Looks once, and replaces the flags where they have changed. */
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
    if (endpoint !== undefined) await keep(env.GROWTHBOOK_CACHE_FILE, text);
    seen = text;
  };
}

/** Not by the SDK's own fetching, which shares one cache among all of a process and does not tell of a failure. */
async function fetchFeatures(endpoint: URL): Promise<string> {
  const response = await fetch(endpoint, {
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`GrowthBook answered ${response.status}`);
  const text = await response.text();
  if (text.length > LARGEST_PAYLOAD_BYTES) throw new Error('GrowthBook answered more than 4 MiB');
  return text;
}

/** By way of a second file, so that nobody ever reads half of it. */
async function keep(file: string, text: string): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const written = `${file}.${process.pid}`;
  await writeFile(written, text, { mode: 0o600 });
  await rename(written, file);
}
