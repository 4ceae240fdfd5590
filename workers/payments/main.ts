import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { readEnv } from '#kit/config/environment';
import { amqpFields, paymentProviderFields, workerFields } from '#kit/config/fields';
import { startEventWorker } from '#kit/worker';
import { paymentsWorker } from '.';
import { mockProvider } from './mock';
import type { Provider } from './provider';
import { openStripe } from './stripe/api';
import { stripeProvider } from './stripe/provider';

/** Longer than for internal services, as card networks are slow. After a timeout the charge is reconciled. */
const PROVIDER_DEADLINE_MS = 3_000;

const env = readEnv({ ...workerFields(7106), ...amqpFields, ...paymentProviderFields });
const { runtime, grpcClient, run } = await startEventWorker('payments-worker', env);
run(
  paymentsWorker({
    payments: grpcClient('payments', PaymentsServiceDefinition),
    accounts: grpcClient('accounts', AccountsServiceDefinition),
    provider: await openProvider(),
  }),
);

async function openProvider(): Promise<Provider> {
  const { PAYMENT_PROVIDER, STRIPE_SECRET_KEY: secretKey, STRIPE_API_URL: apiUrl } = env;
  if (PAYMENT_PROVIDER === 'stripe' && secretKey !== undefined)
    return stripeProvider(await openStripe(runtime, { secretKey, apiUrl }));
  // The payments service serves it, outside production.
  return mockProvider(
    grpcClient('payments', ProviderServiceDefinition, { deadlineMs: PROVIDER_DEADLINE_MS }),
  );
}
