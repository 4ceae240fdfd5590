/** A statement that must hold, and the query that finds its violations, one row each. */
export interface Invariant {
  readonly statement: string;
  readonly violations: string;
}

/** The UUID of the external accounts, whose balances are the money that entered and left the system. */
const EXTERNAL = "x'00000000000000000000000000000000'";
const BALANCE = '(credits_posted - debits_posted)';
/** The invariants of the ledger. Sums of BIGINTs are exact decimals in MySQL. */
export const ledgerInvariants: readonly Invariant[] = [
  {
    statement: 'the sum of all balances of a currency is zero, posted and pending',
    violations: `select currency, sum(${BALANCE}) as posted, sum(credits_pending - debits_pending) as pending
      from accounts group by currency having posted <> 0 or pending <> 0`,
  },
  {
    statement: 'every balance is the sum of its entries',
    violations: `select hex(accounts.id) as account from accounts
      left join entries on entries.account_id = accounts.id
      group by accounts.id having max(${BALANCE}) <> coalesce(sum(entries.amount), 0)`,
  },
  {
    statement: 'debits and credits are the sums of the entries of each direction',
    violations: `select hex(accounts.id) as account from accounts
      left join entries on entries.account_id = accounts.id
      group by accounts.id
      having max(debits_posted) <> coalesce(sum(if(entries.amount < 0, -entries.amount, 0)), 0)
        or max(credits_posted) <> coalesce(sum(if(entries.amount > 0, entries.amount, 0)), 0)`,
  },
  {
    statement: 'every entry records the balance after it',
    violations: `select id from (
        select id, balance_after, sum(amount) over (partition by account_id order by id) as running from entries
      ) as statement where balance_after <> running`,
  },
  {
    statement: 'a posted transfer has two entries, for its accounts and amount; any other transfer has none',
    violations: `select hex(transfers.id) as transfer from transfers
      left join entries on entries.transfer_id = transfers.id
      group by transfers.id
      having count(entries.id) <> if(max(transfers.state) = 'posted', 2, 0)
        or coalesce(sum(entries.amount), 0) <> 0
        or (max(transfers.state) = 'posted' and (
          sum(entries.account_id = transfers.sender_id and entries.amount = -transfers.amount) <> 1
          or sum(entries.account_id = transfers.receiver_id and entries.amount = transfers.amount) <> 1))`,
  },
  {
    statement: 'every entry belongs to a transfer',
    violations: `select entries.id from entries
      left join transfers on transfers.id = entries.transfer_id where transfers.id is null`,
  },
  {
    statement: 'the pending amounts of an account are those of its pending transfers',
    violations: `select hex(accounts.id) as account from accounts
      where debits_pending <> (select coalesce(sum(amount), 0) from transfers
          where sender_id = accounts.id and state = 'pending')
        or credits_pending <> (select coalesce(sum(amount), 0) from transfers
          where receiver_id = accounts.id and state = 'pending')`,
  },
  {
    statement: 'no account is below its overdraft limit, pending debits included',
    violations: `select hex(id) as account from accounts
      where overdraft_limit is not null and ${BALANCE} - debits_pending + overdraft_limit < 0`,
  },
  {
    statement: 'only external accounts have no overdraft limit',
    violations: `select hex(id) as account from accounts
      where overdraft_limit is null and (owner_id is null or owner_id <> ${EXTERNAL})`,
  },
  {
    statement: 'a transfer is between two accounts of its currency and has a positive amount',
    violations: `select hex(transfers.id) as transfer from transfers
      left join accounts as sender on sender.id = sender_id
      left join accounts as receiver on receiver.id = receiver_id
      where amount <= 0 or sender_id = receiver_id or sender.id is null or receiver.id is null
        or sender.currency <> transfers.currency or receiver.currency <> transfers.currency`,
  },
  {
    statement: 'a reversal returns a posted transfer, in full or in part',
    violations: `select hex(reversal.id) as transfer from transfers as reversal
      left join transfers as original on original.id = reversal.reverses
      where (reversal.kind = 'reversal') <> (reversal.reverses is not null)
        or (reversal.reverses is not null and (original.id is null or original.state <> 'posted'
          or original.amount < reversal.amount or original.sender_id <> reversal.receiver_id
          or original.receiver_id <> reversal.sender_id))`,
  },
  {
    statement: 'the reversals of a transfer do not exceed it in total',
    violations: `select hex(original.id) as transfer from transfers as original
      join transfers as reversal on reversal.reverses = original.id
      group by original.id having sum(reversal.amount) > max(original.amount)`,
  },
];

/** Whose charges are in the tables of the mock. A payment of an earlier version names no provider. */
const BY_MOCK = "coalesce(payments.provider, 'mock') = 'mock'";

/** The invariants of payments and, where the provider is the mock, of its charges. */
export const paymentInvariants: readonly Invariant[] = [
  {
    statement: 'every payment has a complete state history',
    violations: `select hex(payments.id) as payment from payments
      left join payment_events on payment_id = payments.id
      group by payments.id
      having count(payment_events.version) <> max(payments.version)
        or max(payments.state) <> max(if(payment_events.version = payments.version, payment_events.state, ''))`,
  },
  {
    statement: 'no payment has entered a state twice',
    violations: `select hex(payment_id) as payment from payment_events
      group by payment_id, state having count(*) > 1`,
  },
  {
    statement: 'the charge of every successful payment was recorded',
    violations: `select hex(id) as payment from payments
      where (provider is null) <> (provider_reference is null)
        or (state in ('succeeded', 'refunded') and provider is null and id not in (
          select idempotency_key from provider_charges))`,
  },
  {
    statement: 'a client secret is stored only while a payment can be confirmed',
    violations: `select hex(id) as payment from payments where client_secret is not null and state <> 'processing'`,
  },
  {
    statement: 'the mock has charged every successful payment of it and refunded every refunded one',
    violations: `select hex(payments.id) as payment from payments
      left join provider_charges on idempotency_key = payments.id
      where ${BY_MOCK} and ((payments.state = 'succeeded' and (provider_charges.state is null
          or provider_charges.state not in ('succeeded', 'refunded')))
        or (payments.state = 'succeeded' and provider_charges.state = 'refunded' and not exists (
          select * from refunds where payment_id = payments.id and refunds.state = 'pending'))
        or (payments.state = 'refunded' and provider_charges.state <> 'refunded')
        or (payments.state in ('failed', 'canceled', 'pending') and provider_charges.state = 'succeeded'))`,
  },
  {
    statement: 'every charge of the mock belongs to a payment of it, in its currency',
    violations: `select hex(idempotency_key) as charge from provider_charges
      left join payments on payments.id = idempotency_key
      where payments.id is null or payments.currency <> provider_charges.currency or not ${BY_MOCK}`,
  },
  {
    statement: 'successful refunds do not exceed their payment, which is refunded once they are all of it',
    violations: `select hex(payments.id) as payment from payments
      left join refunds on payment_id = payments.id and refunds.state = 'succeeded'
      group by payments.id
      having sum(if(refunds.id is null, 0, coalesce(refunds.amount, payments.amount))) > max(payments.amount)
        or (sum(if(refunds.id is null, 0, coalesce(refunds.amount, payments.amount))) = max(payments.amount))
          <> (max(payments.state) = 'refunded')
        or (count(refunds.id) > 0 and max(payments.state) not in ('succeeded', 'refunded'))`,
  },
  {
    statement: 'the amount of a refund is positive',
    violations: `select hex(id) as refund from refunds where amount <= 0`,
  },
  {
    statement: 'the mock has made each successful refund of it with its amount, and no other',
    violations: `select hex(refunds.id) as refund from refunds
      join payments on payments.id = payment_id
      left join provider_refunds on refund_key = refunds.id
      where (provider_refunds.refund_key is not null and (charge_key <> payment_id
          or provider_refunds.amount <> coalesce(refunds.amount, payments.amount)))
        or (provider_refunds.refund_key is null and refunds.state = 'succeeded' and ${BY_MOCK}
          and coalesce(refunds.amount, payments.amount) < payments.amount)
      union all
      select hex(refund_key) from provider_refunds
      left join refunds on refunds.id = refund_key
      where refunds.id is null and refund_key <> charge_key`,
  },
];

/** The invariants of invoices. */
export const invoiceInvariants: readonly Invariant[] = [
  {
    statement: 'invoice numbers have no gaps',
    violations: `select year, last from invoice_numbers
      where last <> (select count(*) from invoices where number like concat(year, '-%'))`,
  },
  {
    statement: 'exactly the paid invoices have a payment time',
    violations: `select number from invoices where (state = 'paid') <> (paid_at is not null)`,
  },
];
