import { ChargeState, ProviderServiceDefinition } from '#contracts/gen/provider/v1/provider';
import { sleep } from '#kit/core/back-off';
import { isUuid } from '#kit/core/ids';
import { ValidationFailed } from '#kit/errors/problem';
import { grpcService } from '#kit/grpc/server';
import type { Database } from '#kit/mysql/database';
import { ChargeKeyReused, ChargeNotFound, ChargeNotRefundable, ProviderUnavailable } from './model';
import * as store from './provider-store';

/** More than the attempts a gRPC client makes by itself. */
const FLAKY_FAILURES = 4;
/** Longer than anybody waits. */
const SILENT_MS = 30_000;

/**
 * Stands in for a payment provider, and keeps its promises: a key charges once, and what became of it can be asked.
 * Its test methods show what a real one does on its bad days: `pm_ok`, `pm_declined`, `pm_timeout` (it charges, and the
 * answer gets lost), `pm_flaky` (it fails several times before anything is charged).
 */
export const mockProvider = ({ database }: { database: Database }) =>
  grpcService(ProviderServiceDefinition, {
    async charge(request, call) {
      mustBeUuid(request.idempotency_key);
      const asked = {
        idempotencyKey: request.idempotency_key,
        paymentMethod: request.payment_method,
        amount: request.amount,
        currency: request.currency,
      };
      const charge = await store.attemptCharge(database, asked);
      const fields = ['paymentMethod', 'amount', 'currency'] as const;
      if (fields.some((field) => charge[field] !== asked[field])) throw new ChargeKeyReused();
      if (charge.state !== 'attempted') return { state: STATES[charge.state] };
      if (charge.paymentMethod === 'pm_flaky' && charge.attempts <= FLAKY_FAILURES)
        throw new ProviderUnavailable();
      const settled = await store.settleCharge(
        database,
        charge.idempotencyKey,
        'attempted',
        ACCEPTED.has(charge.paymentMethod) ? 'succeeded' : 'declined',
      );
      if (charge.paymentMethod === 'pm_timeout') await sleep(SILENT_MS, call.signal);
      return { state: STATES[settled?.state ?? 'attempted'] };
    },
    async getCharge({ idempotency_key }) {
      return { state: STATES[(await mustFind(database, idempotency_key)).state] };
    },
    async refundCharge({ idempotency_key }) {
      await mustFind(database, idempotency_key);
      const charge = await store.settleCharge(database, idempotency_key, 'succeeded', 'refunded');
      if (charge?.state !== 'refunded') throw new ChargeNotRefundable();
      return { state: STATES.refunded };
    },
  });

const ACCEPTED = new Set(['pm_ok', 'pm_timeout', 'pm_flaky']);

const STATES: Readonly<Record<store.ChargeRow['state'], ChargeState>> = {
  attempted: ChargeState.CHARGE_STATE_UNSPECIFIED,
  succeeded: ChargeState.CHARGE_STATE_SUCCEEDED,
  declined: ChargeState.CHARGE_STATE_DECLINED,
  refunded: ChargeState.CHARGE_STATE_REFUNDED,
};

/** An attempt that failed before anything was charged is no charge. */
async function mustFind(database: Database, key: string): Promise<store.ChargeRow> {
  const charge = isUuid(key) ? await store.findCharge(database, key) : undefined;
  if (charge === undefined || charge.state === 'attempted') throw new ChargeNotFound();
  return charge;
}

function mustBeUuid(value: string): void {
  if (!isUuid(value))
    throw new ValidationFailed({ errors: [{ field: 'idempotency_key', message: 'A UUID' }] });
}
