import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
} from 'jose';
import type { Sealer } from '#kit/auth/sealing';
import type { TokenSettings } from '#kit/auth/tokens';
import { sleep } from '#kit/core/back-off';
import type { Runtime } from '#kit/core/runtime';
import type { Database } from '#kit/mysql/database';
import { KEY_PUBLISHED_AHEAD_MS, keyInUse, keysToPublish, nextKeyDue } from './rules';
import { deleteKeys, insertKeyUnlessMade, listKeys, type SigningKeyRow } from './store';

/** Every instance knows a new key long before it signs. */
const REFRESH_EVERY_MS = 30_000;

export interface SigningKey {
  /** Absent for a shared secret. */
  readonly kid?: string;
  readonly key: CryptoKey | Uint8Array;
}

/** The keys access tokens are signed with, shared by all instances through the database. */
export interface KeyRing {
  signingKey(): SigningKey;
  /** What `/.well-known/jwks.json` answers; empty with a shared secret. */
  publicKeys(): JSONWebKeySet;
  /** Takes over what other instances did, and makes or forgets keys as the time has come. */
  refresh(): Promise<void>;
  /** Makes a new key now. It is published at once and signs fifteen minutes later. */
  rotate(): Promise<void>;
}

export interface KeyRingDeps {
  readonly database: Database;
  readonly sealer: Sealer;
  readonly settings: TokenSettings;
  readonly tokenLifetimeMs: number;
  readonly now: () => number;
}

/**
 * Opens the ring, with its first key made where there is none, and keeps it up to date until the process ends.
 *
 * @throws when a kept key was sealed with another INTERNAL_SECRET
 */
export async function openKeyRing(runtime: Runtime, deps: KeyRingDeps): Promise<KeyRing> {
  const ring = createKeyRing(deps);
  await ring.refresh();
  void keepFresh(runtime, ring);
  return ring;
}

async function keepFresh({ closing, log }: Runtime, ring: KeyRing): Promise<void> {
  while (!closing.aborted) {
    await sleep(REFRESH_EVERY_MS, closing);
    if (closing.aborted) return;
    await ring.refresh().catch((failure: unknown) => {
      log.warn({ err: failure }, 'signing keys could not be refreshed; those at hand go on');
    });
  }
}

function sharedSecret({ secret }: TokenSettings): KeyRing {
  const key = new TextEncoder().encode(secret);
  return {
    signingKey: () => ({ key }),
    publicKeys: () => ({ keys: [] }),
    refresh: async () => undefined,
    rotate: async () => {
      throw new Error('With HS256 the key is JWT_SECRET: change it in the environment of every process');
    },
  };
}

/** The ring as it is in the database, once it has been refreshed. */
export const createKeyRing = (deps: KeyRingDeps): KeyRing =>
  deps.settings.algorithm === 'HS256' ? sharedSecret(deps.settings) : keyPairs(deps);

function keyPairs(deps: KeyRingDeps): KeyRing {
  const { database, sealer, settings, now } = deps;
  const opened = new Map<string, CryptoKey | Uint8Array>();
  let rows: SigningKeyRow[] = [];

  async function load(): Promise<void> {
    const found = await listKeys(database, settings.algorithm);
    for (const row of found) if (!opened.has(row.kid)) opened.set(row.kid, await open(row));
    rows = found;
    for (const kid of opened.keys()) if (!rows.some((row) => row.kid === kid)) opened.delete(kid);
  }

  async function open(row: SigningKeyRow) {
    try {
      return await importJWK(JSON.parse(await sealer.open(row.sealedPrivateKey)), settings.algorithm);
    } catch (cause) {
      throw new Error(
        'A signing key cannot be opened: INTERNAL_SECRET is not the one it was sealed with. ' +
          'Start with the former secret, or empty the table signing_keys, which ends every access token.',
        { cause },
      );
    }
  }

  async function add(activeFrom: Date): Promise<void> {
    const generation = Math.max(0, ...rows.map((row) => row.generation)) + 1;
    await insertKeyUnlessMade(database, await makeKey(deps, generation, activeFrom));
    await load();
  }

  return {
    signingKey() {
      const row = keyInUse(rows, now());
      const key = row && opened.get(row.kid);
      if (row === undefined || key === undefined) throw new Error('There is no key to sign with');
      return { kid: row.kid, key };
    },
    publicKeys: () => ({
      keys: keysToPublish(rows, now(), deps.tokenLifetimeMs).map((row) => row.publicKey),
    }),
    async refresh() {
      await load();
      const due = nextKeyDue(rows, now());
      if (due !== undefined) await add(due);
      const published = new Set(keysToPublish(rows, now(), deps.tokenLifetimeMs));
      const ended = rows.filter((row) => !published.has(row));
      if (ended.length === 0) return;
      await deleteKeys(
        database,
        ended.map((row) => row.kid),
      );
      await load();
    },
    async rotate() {
      await load();
      await add(new Date(now() + KEY_PUBLISHED_AHEAD_MS));
    },
  };
}

async function makeKey(
  { sealer, settings: { algorithm } }: KeyRingDeps,
  generation: number,
  activeFrom: Date,
): Promise<SigningKeyRow> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const exported: JWK = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(exported);
  return {
    algorithm,
    generation,
    kid,
    publicKey: { ...exported, kid, alg: algorithm, use: 'sig' },
    sealedPrivateKey: await sealer.seal(JSON.stringify(await exportJWK(privateKey))),
    activeFrom,
  };
}
