import { exportedPage, portabilityGrpc } from '#kit/grpc/portability';
import type { Database } from '#kit/mysql/database';
import { listPayments, listRefunds, type RefundRow } from './store';
import { paymentView, refundView } from './views';

/** With all refunds of each. */
const PAGE_SIZE = 50;

/** The data of people in this service. A payment also belongs to others: it cannot be imported. */
export const paymentsPortability = ({ database }: { database: Database }) =>
  portabilityGrpc([
    {
      name: 'payments',
      async exportPage(userId, cursor) {
        const page = { userId, beforeId: cursor ?? null, limit: PAGE_SIZE };
        const payments = await listPayments(database, page);
        const refunds = await listRefunds(
          database,
          payments.map(({ id }) => id),
        );
        return exportedPage(payments, {
          limit: PAGE_SIZE,
          key: ({ id }) => id,
          record(payment) {
            const own = refunds.filter(({ paymentId }) => paymentId === payment.id);
            return {
              data: {
                ...paymentView(payment, refundedOf(own)),
                refunds: own.map((refund) => refundView(refund, payment.currency)),
              },
            };
          },
        });
      },
    },
  ]);

const refundedOf = (refunds: readonly RefundRow[]): bigint =>
  refunds.reduce((sum, { state, amount }) => (state === 'succeeded' ? sum + amount : sum), 0n);
