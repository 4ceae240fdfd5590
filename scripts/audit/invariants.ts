/** Something that must never be there: a query that finds it, with one row for each finding. */
export interface Invariant {
  /** What is true, as it is printed. */
  readonly promise: string;
  readonly violations: string;
}

/** The UUID of the outside world's accounts, whose balances are what came in and went out. */
const WORLD = "x'00000000000000000000000000000000'";
const BALANCE = '(credits_posted - debits_posted)';
/** What is true of the ledger at any moment. Sums of BIGINTs are exact decimals in MySQL. */
export const ledgerInvariants: readonly Invariant[] = [
  {
    promise: 'in every currency all balances together are zero, posted and pending',
    violations: `select currency, sum(${BALANCE}) as posted, sum(credits_pending - debits_pending) as pending
      from accounts group by currency having posted <> 0 or pending <> 0`,
  },
  {
    promise: 'every balance is the sum of its entries',
    violations: `select hex(accounts.id) as account from accounts
      left join entries on entries.account_id = accounts.id
      group by accounts.id having max(${BALANCE}) <> coalesce(sum(entries.amount), 0)`,
  },
  {
    promise: 'debits and credits are what the entries of each direction add up to',
    violations: `select hex(accounts.id) as account from accounts
      left join entries on entries.account_id = accounts.id
      group by accounts.id
      having max(debits_posted) <> coalesce(sum(if(entries.amount < 0, -entries.amount, 0)), 0)
        or max(credits_posted) <> coalesce(sum(if(entries.amount > 0, entries.amount, 0)), 0)`,
  },
  {
    promise: 'every entry tells the balance it left behind',
    violations: `select id from (
        select id, balance_after, sum(amount) over (partition by account_id order by id) as running from entries
      ) as statement where balance_after <> running`,
  },
  {
    promise: 'a posted transfer has two entries, of its accounts and its amount; any other has none',
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
    promise: 'every entry belongs to a transfer',
    violations: `select entries.id from entries
      left join transfers on transfers.id = entries.transfer_id where transfers.id is null`,
  },
  {
    promise: 'what is pending on an account are its pending transfers',
    violations: `select hex(accounts.id) as account from accounts
      where debits_pending <> (select coalesce(sum(amount), 0) from transfers
          where sender_id = accounts.id and state = 'pending')
        or credits_pending <> (select coalesce(sum(amount), 0) from transfers
          where receiver_id = accounts.id and state = 'pending')`,
  },
  {
    promise: 'no account is below its limit, pending money counted as spent',
    violations: `select hex(id) as account from accounts
      where overdraft_limit is not null and ${BALANCE} - debits_pending + overdraft_limit < 0`,
  },
  {
    promise: 'only the outside world has no limit',
    violations: `select hex(id) as account from accounts
      where overdraft_limit is null and (owner_id is null or owner_id <> ${WORLD})`,
  },
  {
    promise: 'a transfer is between two accounts of its currency, and of more than nothing',
    violations: `select hex(transfers.id) as transfer from transfers
      left join accounts as sender on sender.id = sender_id
      left join accounts as receiver on receiver.id = receiver_id
      where amount <= 0 or sender_id = receiver_id or sender.id is null or receiver.id is null
        or sender.currency <> transfers.currency or receiver.currency <> transfers.currency`,
  },
  {
    promise: 'a reversal mirrors a posted transfer',
    violations: `select hex(reversal.id) as transfer from transfers as reversal
      left join transfers as original on original.id = reversal.reverses
      where (reversal.kind = 'reversal') <> (reversal.reverses is not null)
        or (reversal.reverses is not null and (original.id is null or original.state <> 'posted'
          or original.amount <> reversal.amount or original.sender_id <> reversal.receiver_id
          or original.receiver_id <> reversal.sender_id))`,
  },
];

/** What is true of payments and of what the provider did for them. */
export const paymentInvariants: readonly Invariant[] = [
  {
    promise: 'every payment has been through its states one by one',
    violations: `select hex(payments.id) as payment from payments
      left join payment_events on payment_id = payments.id
      group by payments.id
      having count(payment_events.version) <> max(payments.version)
        or max(payments.state) <> max(if(payment_events.version = payments.version, payment_events.state, ''))`,
  },
  {
    promise: 'no payment has been in one state twice',
    violations: `select hex(payment_id) as payment from payment_events
      group by payment_id, state having count(*) > 1`,
  },
  {
    promise: 'the provider has charged what succeeded, and given back what was given back',
    violations: `select hex(payments.id) as payment from payments
      left join provider_charges on idempotency_key = payments.id
      where (payments.state = 'succeeded' and (provider_charges.state is null
          or provider_charges.state not in ('succeeded', 'refunded')))
        or (payments.state = 'succeeded' and provider_charges.state = 'refunded' and not exists (
          select * from refunds where payment_id = payments.id and refunds.state = 'pending'))
        or (payments.state = 'refunded' and provider_charges.state <> 'refunded')
        or (payments.state in ('failed', 'canceled', 'pending') and provider_charges.state = 'succeeded')`,
  },
  {
    promise: 'every charge belongs to a payment, of its amount',
    violations: `select hex(idempotency_key) as charge from provider_charges
      left join payments on payments.id = idempotency_key
      where payments.id is null or payments.currency <> provider_charges.currency`,
  },
  {
    promise: 'a payment was given back by one refund, and no other one was',
    violations: `select hex(payments.id) as payment from payments
      left join refunds on payment_id = payments.id and refunds.state = 'succeeded'
      group by payments.id having count(refunds.id) <> if(max(payments.state) = 'refunded', 1, 0)`,
  },
];

/** What is true of invoices. */
export const invoiceInvariants: readonly Invariant[] = [
  {
    promise: 'invoices are numbered without a gap',
    violations: `select year, last from invoice_numbers
      where last <> (select count(*) from invoices where number like concat(year, '-%'))`,
  },
  {
    promise: 'what is paid has a time at which it was, and nothing else has',
    violations: `select number from invoices where (state = 'paid') <> (paid_at is not null)`,
  },
];
