import { ChargeState, type ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';

export type ChargeOutcome = 'succeeded' | 'declined' | 'refunded';

export interface Charge {
  /** Charges once. */
  readonly key: string;
  readonly paymentMethod: string;
  readonly amount: string;
  /** ISO 4217. */
  readonly currency: string;
}

/** What any payment provider can do. Another one is another implementation of this. */
export interface Provider {
  /** Takes the money, once for each key. Fails where it is not known whether it did: then `find` tells. */
  charge(charge: Charge): Promise<ChargeOutcome>;
  /** What became of a charge; undefined when nothing was charged. */
  find(key: string): Promise<ChargeOutcome | undefined>;
  /** Gives the money back, once. */
  refund(key: string): Promise<void>;
}

/** The provider that is asked over gRPC. */
export function grpcProvider(client: GrpcClient<ProviderServiceDefinition>): Provider {
  return {
    async charge({ key, paymentMethod, amount, currency }) {
      const { state } = await client.charge({
        idempotency_key: key,
        payment_method: paymentMethod,
        amount,
        currency,
      });
      return outcomeOf(state);
    },
    async find(key) {
      try {
        return outcomeOf((await client.getCharge({ idempotency_key: key })).state);
      } catch (failure) {
        if (failure instanceof Problem && failure.code === 'charge.not-found') return undefined;
        throw failure;
      }
    },
    async refund(key) {
      await client.refundCharge({ idempotency_key: key });
    },
  };
}

function outcomeOf(state: ChargeState): ChargeOutcome {
  if (state === ChargeState.CHARGE_STATE_SUCCEEDED) return 'succeeded';
  if (state === ChargeState.CHARGE_STATE_DECLINED) return 'declined';
  if (state === ChargeState.CHARGE_STATE_REFUNDED) return 'refunded';
  throw new Error('the provider answered with a state this worker does not know');
}
