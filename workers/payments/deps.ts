import type { AccountsServiceDefinition } from '#contracts/gen/accounts/v1/accounts';
import type { PaymentsServiceDefinition } from '#contracts/gen/payments/v1/payments';
import type { GrpcClient } from '#kit/grpc/client';
import type { Provider } from './provider';

export interface PaymentsWorkerDeps {
  readonly payments: GrpcClient<PaymentsServiceDefinition>;
  readonly accounts: GrpcClient<AccountsServiceDefinition>;
  readonly provider: Provider;
}
