import { ChargeState, type ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { Problem } from '#kit/errors/problem';
import type { GrpcClient } from '#kit/grpc/client';

export type ChargeOutcome = 'succeeded' | 'declined' | 'refunded';

export interface Charge {
  /** Idempotency key. */
  readonly key: string;
  readonly paymentMethod: string;
  readonly amount: string;
  /** ISO 4217. */
  readonly currency: string;
}

/** The port to a payment provider; each provider is an implementation. */
export interface Provider {
  /** Charges once per key. Throws when the outcome is unknown; look it up with `find`. */
  charge(charge: Charge): Promise<ChargeOutcome>;
  /** The outcome of a charge; undefined when nothing was charged. */
  find(key: string): Promise<ChargeOutcome | undefined>;
  /** Refunds a charge once per refund key: an amount of it or, without one, all of it. */
  refund(refund: { chargeKey: string; refundKey: string; amount: string | undefined }): Promise<void>;
}

/** A provider behind the gRPC ProviderService. */
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
    async refund({ chargeKey, refundKey, amount }) {
      await client.refundCharge({ idempotency_key: chargeKey, refund_key: refundKey, amount });
    },
  };
}

function outcomeOf(state: ChargeState): ChargeOutcome {
  if (state === ChargeState.CHARGE_STATE_SUCCEEDED) return 'succeeded';
  if (state === ChargeState.CHARGE_STATE_DECLINED) return 'declined';
  if (state === ChargeState.CHARGE_STATE_REFUNDED) return 'refunded';
  throw new Error('unknown charge state from the payment provider');
}
