import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { readEnv } from '#kit/config/environment';
import { amqpFields, workerFields } from '#kit/config/fields';
import { startEventWorker } from '#kit/worker';
import { paymentsWorker } from '.';
import { grpcProvider } from './provider';

/** A card network may be slower than a service of ours; after this the provider is asked for the charge's state. */
const PROVIDER_DEADLINE_MS = 3_000;

const env = readEnv({ ...workerFields(7106), ...amqpFields });
const { grpcClient, run } = await startEventWorker('payments-worker', env);
// The mock of a payment provider is served by the payments service.
const provider = grpcClient('payments', ProviderServiceDefinition, { deadlineMs: PROVIDER_DEADLINE_MS });
run(
  paymentsWorker({
    payments: grpcClient('payments', PaymentsServiceDefinition),
    accounts: grpcClient('accounts', AccountsServiceDefinition),
    provider: grpcProvider(provider),
  }),
);
