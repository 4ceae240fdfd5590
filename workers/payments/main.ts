import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { readEnv } from '#kit/config/environment';
import { amqpFields, workerFields } from '#kit/config/fields';
import { startEventWorker } from '#kit/worker';
import { paymentsWorker } from '.';
import { grpcProvider } from './provider';

/** Longer than for internal services, as card networks are slow. After a timeout the charge is reconciled. */
const PROVIDER_DEADLINE_MS = 3_000;

const env = readEnv({ ...workerFields(7106), ...amqpFields });
const { grpcClient, run } = await startEventWorker('payments-worker', env);
// The payments service serves the mock payment provider.
const provider = grpcClient('payments', ProviderServiceDefinition, { deadlineMs: PROVIDER_DEADLINE_MS });
run(
  paymentsWorker({
    payments: grpcClient('payments', PaymentsServiceDefinition),
    accounts: grpcClient('accounts', AccountsServiceDefinition),
    provider: grpcProvider(provider),
  }),
);
