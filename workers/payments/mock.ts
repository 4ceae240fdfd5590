import { ChargeState, type ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';
import type { ChargeOutcome, Provider } from './provider';

/** The mock of a provider, which the payments service serves outside production. */
export function mockProvider(client: GrpcClient<ProviderServiceDefinition>): Provider {
  async function find({ key }: { readonly key: string }): Promise<ChargeOutcome | undefined> {
    try {
      return outcomeOf((await client.getCharge({ idempotency_key: key })).state);
    } catch (failure) {
      if (failure instanceof Problem && failure.code === 'charge.not-found') return undefined;
      throw failure;
    }
  }
  return {
    name: 'mock',
    // It knows a charge by its key.
    open: async ({ key }) => ({ reference: key }),
    async charge({ key, paymentMethod, amount, currency }) {
      const { state } = await client.charge({
        idempotency_key: key,
        payment_method: paymentMethod,
        amount,
        currency,
      });
      return outcomeOf(state);
    },
    find,
    // Nothing of it ever waits.
    cancel: async (charge) => (await find(charge)) ?? 'canceled',
    async refund({ charge, key, amount }) {
      await client.refundCharge({ idempotency_key: charge.key, refund_key: key, amount });
      return 'succeeded';
    },
  };
}

function outcomeOf(state: ChargeState): ChargeOutcome {
  if (state === ChargeState.CHARGE_STATE_SUCCEEDED) return 'succeeded';
  if (state === ChargeState.CHARGE_STATE_DECLINED) return 'declined';
  if (state === ChargeState.CHARGE_STATE_REFUNDED) return 'refunded';
  throw new Error('unknown charge state from the payment provider');
}
