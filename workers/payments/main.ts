import { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import { ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { readEnv } from '#kit/config/environment';
import { amqpFields, workerFields } from '#kit/config/fields';
import { createGrpcClient } from '#kit/grpc/client';
import { openRabbit } from '#kit/messaging/rabbit/client';
import { startProcess } from '#kit/process';
import { watchRegistry } from '#kit/registry/client';
import { runEventWorker, serveOperations } from '#kit/worker';
import { paymentsWorker } from '.';
import { grpcProvider } from './provider';

/** A card may take longer to answer than anything of the house; then it is asked what became of the charge. */
const PROVIDER_DEADLINE_MS = 3_000;

const env = readEnv({ ...workerFields(7106), ...amqpFields });
const runtime = await startProcess('payments-worker', env);
const services = {
  registry: watchRegistry(runtime, { urls: env.REGISTRY_URL }),
  internalSecret: env.INTERNAL_SECRET,
};
const worker = paymentsWorker({
  payments: createGrpcClient(runtime, {
    service: 'payments',
    definition: PaymentsServiceDefinition,
    ...services,
  }),
  accounts: createGrpcClient(runtime, {
    service: 'accounts',
    definition: AccountsServiceDefinition,
    ...services,
  }),
  // The mock of a provider answers beside payments.
  provider: grpcProvider(
    createGrpcClient(runtime, {
      service: 'payments',
      definition: ProviderServiceDefinition,
      deadlineMs: PROVIDER_DEADLINE_MS,
      ...services,
    }),
  ),
});
runEventWorker(runtime, worker, openRabbit(runtime, { url: env.AMQP_URL, required: true }));
serveOperations(runtime, env);
