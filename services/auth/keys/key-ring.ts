import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { createSealer, type Sealer } from '#kit/auth/sealing';
import type { TokenSettings } from '#kit/auth/tokens';
import { repeatEvery } from '#kit/core/repeat';
import type { Runtime } from '#kit/core/runtime';
import type { AuthDeps, KeyRing } from '../deps';
import { activeKey, KEY_PUBLISHED_AHEAD_MS, keysToPublish, nextKeyDue } from './rules';
import { deleteKeys, insertMissingKey, listKeys, type SigningKeyRow } from './store';

/** Far below the time a key is published ahead, so that every instance knows a new key before it signs. */
const REFRESH_EVERY_MS = 30_000;

export interface KeyRingDeps extends Pick<AuthDeps, 'database' | 'settings' | 'tokenLifetimeMs' | 'now'> {
  /** INTERNAL_SECRET, which the private keys are encrypted with. */
  readonly internalSecret: string;
}

/**
 * Opens the key ring, creating the first key if there is none, and refreshes it until the runtime shuts down.
 *
 * @throws when a stored key was encrypted with another INTERNAL_SECRET
 */
export async function openKeyRing(runtime: Runtime, deps: KeyRingDeps): Promise<KeyRing> {
  const ring = createKeyRing(deps);
  await ring.refresh();
  repeatEvery(
    runtime,
    'refreshing the signing keys',
    { everyMs: REFRESH_EVERY_MS, firstRun: 'later' },
    ring.refresh,
  );
  return ring;
}

/** A key ring that is empty until its first refresh. */
export const createKeyRing = (deps: KeyRingDeps): KeyRing =>
  deps.settings.algorithm === 'HS256'
    ? sharedSecret(deps.settings)
    : keyPairs(deps, createSealer(deps.internalSecret, 'signing-keys'));

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

function keyPairs(deps: KeyRingDeps, sealer: Sealer): KeyRing {
  const { database, settings, now } = deps;
  const opened = new Map<string, CryptoKey | Uint8Array>();
  let rows: SigningKeyRow[] = [];

  async function load(): Promise<void> {
    const stored = await listKeys(database, settings.algorithm);
    for (const row of stored) if (!opened.has(row.kid)) opened.set(row.kid, await open(row));
    rows = stored;
    for (const kid of opened.keys()) if (!rows.some((row) => row.kid === kid)) opened.delete(kid);
  }

  async function open(row: SigningKeyRow) {
    try {
      return await importJWK(JSON.parse(await sealer.open(row.sealedPrivateKey)), settings.algorithm);
    } catch (cause) {
      throw new Error(
        'Cannot decrypt a signing key: it was encrypted with another INTERNAL_SECRET. Start with the previous secret, ' +
          'or empty the table signing_keys, which invalidates every access token.',
        { cause },
      );
    }
  }

  async function add(activeFrom: Date): Promise<void> {
    const generation = Math.max(0, ...rows.map((row) => row.generation)) + 1;
    await insertMissingKey(database, await generateKey(sealer, settings, { generation, activeFrom }));
    await load();
  }

  return {
    signingKey() {
      const row = activeKey(rows, now());
      const key = row && opened.get(row.kid);
      if (row === undefined || key === undefined) throw new Error('No signing key is loaded');
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
      const expired = rows.filter((row) => !published.has(row));
      if (expired.length === 0) return;
      await deleteKeys(
        database,
        expired.map((row) => row.kid),
      );
      await load();
    },
    async rotate() {
      await load();
      await add(new Date(now() + KEY_PUBLISHED_AHEAD_MS));
    },
  };
}

async function generateKey(
  sealer: Sealer,
  { algorithm }: TokenSettings,
  schedule: { generation: number; activeFrom: Date },
): Promise<SigningKeyRow> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const exported: JWK = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(exported);
  return {
    algorithm,
    kid,
    ...schedule,
    publicKey: { ...exported, kid, alg: algorithm, use: 'sig' },
    sealedPrivateKey: await sealer.seal(JSON.stringify(await exportJWK(privateKey))),
  };
}
