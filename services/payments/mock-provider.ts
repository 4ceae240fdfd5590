import { ChargeState, ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { sleep } from '#kit/core/back-off';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { grpcService } from '#kit/grpc/server';
import type { Database } from '#kit/mysql/database';
import { ChargeKeyReused, ChargeNotFound, ChargeNotRefundable, ProviderUnavailable } from './model';
import * as store from './provider-store';

/** More than the retries of one gRPC client call. */
const FLAKY_FAILURES = 4;
/** Longer than any caller's deadline. */
const HANG_MS = 30_000;
const ACCEPTED_METHODS = new Set(['pm_ok', 'pm_timeout', 'pm_flaky']);

/**
 * A mock payment provider with the guarantees of a real one: it charges once per idempotency key, and a charge can be
 * looked up. Test payment methods simulate failures: `pm_ok`, `pm_declined`, `pm_timeout` (charges, but the response
 * times out), `pm_flaky` (fails several times before it charges).
 */
export const mockProvider = ({ database }: { database: Database }) =>
  grpcService(ProviderServiceDefinition, {
    async charge(request, call) {
      requireUuid(request.idempotency_key);
      const requested = {
        idempotencyKey: request.idempotency_key,
        paymentMethod: request.payment_method,
        amount: request.amount,
        currency: request.currency,
      };
      const charge = await store.attemptCharge(database, requested);
      const fields = ['paymentMethod', 'amount', 'currency'] as const;
      if (fields.some((field) => charge[field] !== requested[field])) throw new ChargeKeyReused();
      if (charge.state !== 'attempted') return { state: STATES[charge.state] };
      if (charge.paymentMethod === 'pm_flaky' && charge.attempts <= FLAKY_FAILURES)
        throw new ProviderUnavailable();
      const settled = await store.settleCharge(
        database,
        charge.idempotencyKey,
        'attempted',
        ACCEPTED_METHODS.has(charge.paymentMethod) ? 'succeeded' : 'declined',
      );
      if (charge.paymentMethod === 'pm_timeout') await sleep(HANG_MS, call.signal);
      return { state: STATES[settled?.state ?? 'attempted'] };
    },
    async getCharge({ idempotency_key }) {
      return { state: STATES[(await requireCharge(database, idempotency_key)).state] };
    },
    async refundCharge({ idempotency_key }) {
      await requireCharge(database, idempotency_key);
      const charge = await store.settleCharge(database, idempotency_key, 'succeeded', 'refunded');
      if (charge?.state !== 'refunded') throw new ChargeNotRefundable();
      return { state: STATES.refunded };
    },
  });

const STATES: Readonly<Record<store.ChargeRow['state'], ChargeState>> = {
  attempted: ChargeState.CHARGE_STATE_UNSPECIFIED,
  succeeded: ChargeState.CHARGE_STATE_SUCCEEDED,
  declined: ChargeState.CHARGE_STATE_DECLINED,
  refunded: ChargeState.CHARGE_STATE_REFUNDED,
};

/** @throws ChargeNotFound, also when all attempts failed before anything was charged */
async function requireCharge(database: Database, key: string): Promise<store.ChargeRow> {
  const charge = isUuid(key) ? await store.findCharge(database, key) : undefined;
  if (charge === undefined || charge.state === 'attempted') throw new ChargeNotFound();
  return charge;
}

function requireUuid(value: string): void {
  if (!isUuid(value))
    throw new ValidationFailed({ errors: [{ field: 'idempotency_key', message: 'A UUID' }] });
}
