import { ChargeState, ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { sleep } from '#kit/core/back-off';
import { isUuid } from '#kit/core/ids';
import type { Runtime } from '#kit/core/runtime';
import { ValidationFailed } from '#kit/errors/problem';
import { grpcService } from '#kit/grpc/server';
import { parseAmount } from '#kit/money/amounts';
import { type Database, inTransaction } from '#kit/mysql/database';
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
 *
 * @throws in production, whatever configuration says: it takes no money
 */
export function mockProvider({ runtime, database }: { runtime: Runtime; database: Database }) {
  if (runtime.production) throw new Error('the mock payment provider was started in production');
  return grpcService(ProviderServiceDefinition, {
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
    async refundCharge({ idempotency_key, refund_key = idempotency_key, amount }) {
      requireUuid(refund_key, 'refund_key');
      await requireCharge(database, idempotency_key);
      return { state: STATES[await refundCharge(database, idempotency_key, { key: refund_key, amount })] };
    },
  });
}

const STATES: Readonly<Record<store.ChargeRow['state'], ChargeState>> = {
  attempted: ChargeState.CHARGE_STATE_UNSPECIFIED,
  succeeded: ChargeState.CHARGE_STATE_SUCCEEDED,
  declined: ChargeState.CHARGE_STATE_DECLINED,
  refunded: ChargeState.CHARGE_STATE_REFUNDED,
};

/**
 * Refunds a charge, whole or in part, once per refund key.
 *
 * @returns the state of the charge
 * @throws ChargeNotRefundable when the charge was declined, or less than the amount is left of it
 * @throws ChargeKeyReused when the key has refunded another amount or charge
 */
const refundCharge = (
  database: Database,
  chargeKey: string,
  refund: { key: string; amount: string | undefined },
): Promise<store.ChargeRow['state']> =>
  inTransaction(database, async (transaction) => {
    const charge = await store.lockCharge(transaction, chargeKey);
    if (charge === undefined) throw new ChargeNotFound();
    const whole = parseAmount(charge.amount, charge.currency);
    const amount = refund.amount === undefined ? whole : parseAmount(refund.amount, charge.currency);
    const earlier = await store.findProviderRefund(transaction, refund.key);
    if (earlier !== undefined) {
      if (earlier.chargeKey !== chargeKey || earlier.amount !== amount) throw new ChargeKeyReused();
      return charge.state;
    }
    const refunds = await store.listProviderRefunds(transaction, chargeKey);
    const refunded = refunds.reduce((sum, each) => sum + each.amount, 0n);
    // Refunded as a whole by a request of an earlier version, which named no key: this is the same refund again.
    const unkeyed = refunds.every(({ refundKey }) => refundKey === chargeKey);
    if (charge.state === 'refunded' && unkeyed && amount === whole) return charge.state;
    if (charge.state !== 'succeeded' || refunded + amount > whole) throw new ChargeNotRefundable();
    await store.insertProviderRefund(transaction, { refundKey: refund.key, chargeKey, amount });
    if (refunded + amount < whole) return charge.state;
    await store.settleCharge(transaction, chargeKey, 'succeeded', 'refunded');
    return 'refunded';
  });

/** @throws ChargeNotFound, also when all attempts failed before anything was charged */
async function requireCharge(database: Database, key: string): Promise<store.ChargeRow> {
  const charge = isUuid(key) ? await store.findCharge(database, key) : undefined;
  if (charge === undefined || charge.state === 'attempted') throw new ChargeNotFound();
  return charge;
}

function requireUuid(value: string, field = 'idempotency_key'): void {
  if (!isUuid(value)) throw new ValidationFailed({ errors: [{ field, message: 'A UUID' }] });
}
