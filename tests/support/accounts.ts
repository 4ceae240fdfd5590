import { expect } from 'bun:test';
import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import type { Runtime } from '#kit/core/runtime';
import { startGrpcServer } from '#kit/grpc/server';
import { createMysqlPool } from '#kit/mysql/database';
import { migrateDatabase } from '#kit/mysql/migrations';
import { findViolations } from '../../scripts/audit/check';
import { ledgerInvariants } from '../../scripts/audit/invariants';
import { accounts } from '../../services/accounts';
import type { UsersClient } from '../../services/accounts/deps';
import { accountsGrpc } from '../../services/accounts/grpc';
import { openAccount } from '../../services/accounts/service';
import { callerOf } from './call';
import { permittedClient } from './permitted-client';
import { testDatabase, testRuntime } from './servers';
import { testTokens } from './tokens';

const SECRET = 'a secret for this test';

export interface Holder {
  readonly id: string;
  readonly accountId: string;
  readonly authorization: string;
}

/** The accounts service on a database of its own, with its gRPC on a free port; `client` calls it as other services do. */
export async function startAccounts(options: { users?: UsersClient } = {}) {
  const runtime = testRuntime('accounts');
  const storage = await testDatabase();
  const tokens = await testTokens();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/accounts/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const deps = {
    runtime,
    database: storage.database,
    users: options.users ?? noUsers,
    phoneSecret: SECRET,
    defaultCurrency: 'EUR',
    fetchKeys: async () => ({ keys: [{ kty: 'OKP', kid: 'test' }] }),
    tokens: tokens.verifier,
  };
  const { port } = await startGrpcServer(runtime, {
    host: '127.0.0.1',
    port: 0,
    services: [accountsGrpc(deps)],
    audience: 'accounts',
  });
  const app = accounts(deps);
  const call = callerOf(app);
  const operator = await tokens.authorization({ id: Bun.randomUUIDv7(), username: 'operator' }, [
    'accounts:deposit',
    'accounts:read',
  ]);
  const auditPool = createMysqlPool(storage.address, 1);

  return {
    app,
    call,
    database: storage.database,
    deps,
    operator,
    tokens,
    grpcPort: port,
    client: accountsClient(runtime, port),
    /** A person with an account and, if given, a balance. */
    async holder(amount?: string, currency = 'EUR'): Promise<Holder> {
      const id = Bun.randomUUIDv7();
      const account = await openAccount(deps, id, currency);
      if (amount !== undefined) {
        const deposited = await call('POST', `/accounts/${account.id}/deposits`, {
          body: { amount },
          authorization: operator,
        });
        expect(deposited.status).toBe(201);
      }
      const authorization = await tokens.authorization({ id, username: 'holder' });
      return { id, accountId: account.id, authorization };
    },
    async balanceOf({ accountId, authorization }: Holder): Promise<unknown> {
      return (await call('GET', `/accounts/${accountId}`, { authorization })).body.balance;
    },
    auditPool,
    /** The violated invariants; empty when all hold. */
    audit: () => findViolations(auditPool, ledgerInvariants),
    async close() {
      await auditPool.end();
      await runtime.close();
      await storage.drop();
    },
  };
}

/** A client of the accounts service on a port. */
export function accountsClient(runtime: Runtime, port: number) {
  const address = { host: '127.0.0.1', grpc_port: port, state: 'up' as const };
  return permittedClient(runtime, {
    service: 'accounts',
    definition: AccountsServiceDefinition,
    registry: { instances: () => [address], onChange: () => () => undefined },
  });
}

const noUsers: UsersClient = {
  createUser: async () => {
    throw new Error('This test registers no users');
  },
  getUsers: async () => ({ users: [] }),
};
