import { asc, eq } from 'drizzle-orm';
import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import type { Runtime } from '#kit/core/runtime';
import { Problem } from '#kit/errors/problem';
import { startGrpcServer } from '#kit/grpc/server';
import { outbox } from '#kit/messaging/tables';
import { createMysqlPool } from '#kit/mysql/database';
import { migrateDatabase } from '#kit/mysql/migrations';
import { findViolations } from '../../scripts/audit/check';
import { paymentInvariants } from '../../scripts/audit/invariants';
import { payments } from '../../services/payments';
import type { PaymentsDeps } from '../../services/payments/deps';
import { paymentsGrpc } from '../../services/payments/grpc';
import { mockProvider } from '../../services/payments/mock-provider';
import { DEFAULT_METHODS } from '../../services/payments/model';
import { callerOf } from './call';
import { permittedClient } from './permitted-client';
import { testDatabase, testRuntime } from './servers';
import { testTokens } from './tokens';

/** The provider's silence is cut short, so that tests do not wait for it. */
const PROVIDER_DEADLINE_MS = 700;

/**
 * The payments service with the mock of a provider, or with webhooks of Stripe, on a database of its own. Nothing is
 * relayed from the outbox: a test decides which messages arrive.
 *
 * @param options.accounts knows the accounts that payments name; by default there are none
 */
export async function startPayments(
  options: { accounts?: PaymentsDeps['accounts']; webhookSecrets?: readonly string[] } = {},
) {
  const runtime = testRuntime('payments');
  const storage = await testDatabase();
  const { database } = storage;
  const tokens = await testTokens();
  await migrateDatabase({
    address: storage.address,
    folder: `${import.meta.dir}/../../services/payments/migrations`,
    log: runtime.log,
    signal: runtime.closing,
  });
  const deps: PaymentsDeps = {
    runtime,
    database,
    outbox: { wake() {} },
    tokens: tokens.verifier,
    accounts: options.accounts ?? noAccounts,
    defaultMethod: DEFAULT_METHODS[options.webhookSecrets === undefined ? 'mock' : 'stripe'],
    webhookSecrets: options.webhookSecrets ?? [],
  };
  const { port } = await startGrpcServer(runtime, {
    host: '127.0.0.1',
    port: 0,
    services: [paymentsGrpc(deps), ...(options.webhookSecrets === undefined ? [mockProvider(deps)] : [])],
    audience: 'payments',
  });
  const app = payments(deps);
  const call = callerOf(app);
  const auditPool = createMysqlPool(storage.address, 1);

  return {
    app,
    call,
    database,
    deps,
    runtime,
    tokens,
    auditPool,
    grpcPort: port,
    ...paymentClients(runtime, port),
    async person(permissions: string[] = []) {
      const id = Bun.randomUUIDv7();
      return { id, authorization: await tokens.authorization({ id, username: 'payer' }, permissions) };
    },
    /** The event envelopes of a payment or a refund in the outbox, oldest first. */
    async eventsOf(aggregateId: string) {
      const rows = await database
        .select()
        .from(outbox)
        .where(eq(outbox.aggregateId, aggregateId))
        .orderBy(asc(outbox.id));
      return rows.map((row) => JSON.parse(row.payload));
    },
    /** What the audit finds; nothing when all is well. */
    audit: () => findViolations(auditPool, paymentInvariants),
    async close() {
      await auditPool.end();
      await runtime.close();
      await storage.drop();
    },
  };
}

/** Clients of payments and of its mock of a provider, at a port. */
export function paymentClients(runtime: Runtime, port: number) {
  const address = { host: '127.0.0.1', grpc_port: port, state: 'up' as const };
  const options = {
    service: 'payments',
    registry: { instances: () => [address], onChange: () => () => undefined },
  };
  return {
    client: permittedClient(runtime, { definition: PaymentsServiceDefinition, ...options }),
    provider: permittedClient(runtime, {
      definition: ProviderServiceDefinition,
      deadlineMs: PROVIDER_DEADLINE_MS,
      ...options,
    }),
  };
}

const noAccounts: PaymentsDeps['accounts'] = {
  getAccount: async () => {
    throw new Problem('account.not-found', 404, 'Account not found');
  },
};
