import type { Caller } from '#kit/auth/caller';
import { uuidv7 } from '#kit/core/ids';
import { uuidKey } from '#kit/http/lists/keys';
import { type Page, type PageQuery, readPageQuery, toPage } from '#kit/http/lists/pagination';
import { isDuplicate } from '#kit/mysql/failures';
import { requireWayIn } from '../credentials/ways';
import type { AuthDeps } from '../deps';
import { addFactor, removeFactor } from '../second-factors/changes';
import { hashOf } from '../secrets';
import { CHALLENGE_MS, createChallenge } from './challenges';
import {
  type AddedPasskey,
  type CreationOptions,
  type NewPasskey,
  type Passkey,
  type PasskeyChange,
  PasskeyExists,
  PasskeyNotFound,
  TooManyPasskeys,
} from './model';
import { relyingPartyOf } from './relying-party';
import * as store from './store';
import { ALGORITHMS, verifyRegistration } from './verification';

/** More than anybody's devices, and few enough to send all of their ids to a browser. */
const MAX_PASSKEYS = 20;
const DEFAULT_NAME = 'Passkey';

/**
 * What a browser needs to create a passkey: one that signs in alone, so that it knows whose it is and has its user verified.
 *
 * @param address of the requester
 * @throws TooManyPasskeys
 * @throws TooManyAttempts by the requester's network
 */
export async function creationOptions(
  deps: AuthDeps,
  caller: Caller,
  address: string,
): Promise<CreationOptions> {
  await deps.factorThrottle.takeChallenge(address);
  const registered = await listAll(deps.database, caller.id);
  if (registered.length >= MAX_PASSKEYS) throw tooMany();
  const { id, name } = relyingPartyOf(deps.publicUrl);
  return {
    rp: { id, name },
    user: { id: userHandleOf(caller.id), name: caller.username, displayName: caller.username },
    challenge: await createChallenge(deps, { purpose: 'register', userId: caller.id }),
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ alg, type: 'public-key' })),
    timeout: CHALLENGE_MS,
    excludeCredentials: registered.map(descriptorOf),
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
    attestation: 'none',
  };
}

/**
 * Registers a passkey that a browser has created.
 *
 * @throws PasskeyInvalid
 * @throws PasskeyExists
 * @throws TooManyPasskeys
 */
export async function addPasskey(deps: AuthDeps, caller: Caller, input: NewPasskey): Promise<AddedPasskey> {
  const verified = await verifyRegistration(deps, input.credential, {
    purpose: 'register',
    userId: caller.id,
  });
  const passkey = {
    ...verified,
    id: uuidv7(),
    userId: caller.id,
    credentialHash: hashOf(verified.credentialId),
    name: input.name ?? DEFAULT_NAME,
    createdAt: new Date(deps.now()),
    lastUsedAt: null,
  };
  const recovery_codes = await addFactor(deps, caller.id, {
    tell: 'passkey-added',
    async run(transaction) {
      if ((await listAll(transaction, caller.id)).length >= MAX_PASSKEYS) throw tooMany();
      try {
        await store.insertPasskey(transaction, passkey);
      } catch (failure) {
        if (isDuplicate(failure, 'passkeys_credential')) throw new PasskeyExists({ cause: failure });
        throw failure;
      }
    },
  });
  return { ...passkeyView(passkey), recovery_codes };
}

export async function listPasskeys(
  { database }: Pick<AuthDeps, 'database'>,
  caller: Caller,
  query: PageQuery,
): Promise<Page<Passkey>> {
  const { limit, after } = readPageQuery(query, [uuidKey]);
  const page = { afterId: after?.[0] ?? null, limit: limit + 1 };
  const rows = await store.listPasskeys(database, caller.id, page);
  return toPage(rows, limit, ({ id }) => [id], passkeyView);
}

/** @throws PasskeyNotFound, also for somebody else's */
export async function renamePasskey(
  { database }: Pick<AuthDeps, 'database'>,
  caller: Caller,
  id: string,
  { name }: PasskeyChange,
): Promise<Passkey> {
  const passkey = await requireOwn(database, caller, id);
  await store.rename(database, id, name);
  return passkeyView({ ...passkey, name });
}

/**
 * Removes a passkey.
 *
 * @throws PasskeyNotFound, also for somebody else's
 * @throws LastSignInMethod when nothing else signs in to the account
 */
export const removePasskey = (deps: AuthDeps, caller: Caller, id: string): Promise<void> =>
  removeFactor(deps, caller.id, {
    tell: 'passkey-removed',
    async run(transaction, person) {
      await requireOwn(transaction, caller, id);
      await store.deletePasskey(transaction, id);
      await requireWayIn(deps, transaction, person);
    },
  });

async function requireOwn(
  executor: Parameters<typeof store.findOwn>[0],
  caller: Caller,
  id: string,
): Promise<store.PasskeyRow> {
  const passkey = await store.findOwn(executor, caller.id, id);
  if (passkey === undefined) throw new PasskeyNotFound();
  return passkey;
}

const tooMany = () =>
  new TooManyPasskeys({ detail: `There may be ${MAX_PASSKEYS}. Remove one that you do not use.` });

/** All of a person's passkeys. */
export const listAll = (executor: Parameters<typeof store.listPasskeys>[0], userId: string) =>
  store.listPasskeys(executor, userId, { afterId: null, limit: MAX_PASSKEYS });

/** How authenticators name an account: the 16 bytes of its id, which say nothing about the person (WebAuthn, 14.6.1). */
export const userHandleOf = (userId: string): string =>
  Buffer.from(userId.replaceAll('-', ''), 'hex').toString('base64url');

/** How a browser finds a passkey again. */
export const descriptorOf = ({ credentialId, transports }: store.PasskeyRow) => ({
  id: credentialId,
  type: 'public-key' as const,
  transports,
});

export const passkeyView = (row: store.PasskeyRow): Passkey => ({
  id: row.id,
  name: row.name,
  synced: row.backedUp,
  created_at: row.createdAt.toISOString(),
  last_used_at: row.lastUsedAt?.toISOString() ?? null,
});
