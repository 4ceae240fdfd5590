import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';
import { Currency } from '#contracts/money';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/lists/pagination';
import { calendarDate, nullable } from '#kit/http/schemas';
import { newPassword } from '#kit/text/password';
import { lineOfText } from '#kit/text/schema';

export const AccountNotFound = defineProblem('account.not-found', 404, 'Account not found');
export const AccountClosed = defineProblem('account.closed', 409, 'Account closed');
export const InsufficientFunds = defineProblem('account.insufficient-funds', 409, 'Insufficient funds');
export const PhoneNumberTaken = defineProblem(
  'account.phone-number-taken',
  409,
  'Phone number already registered',
);
export const UserNotFound = defineProblem('user.not-found', 404, 'User not found');
export const TransactionNotFound = defineProblem('transaction.not-found', 404, 'Transaction not found');
export const SameAccount = defineProblem(
  'transaction.same-account',
  422,
  'Sender and receiver are the same account',
);
export const CurrencyMismatch = defineProblem(
  'transaction.currency-mismatch',
  422,
  'Sender, receiver and transaction must have the same currency',
);
export const NotPending = defineProblem('transaction.not-pending', 409, 'Transaction is not pending');
export const ExternalIdReused = defineProblem(
  'transaction.external-id-reused',
  409,
  'External ID already used for a different transfer',
);
export const NotReversible = defineProblem(
  'transaction.not-reversible',
  409,
  'Transfer is not posted, or earlier reversals leave less than the amount',
);

const Moment = Type.String({ format: 'date-time' });
const Money = (description: string) => Type.String({ description, examples: ['100.00'] });

/** JSON numbers are rejected: they are not exact. */
const AmountText = Type.String({
  maxLength: 32,
  error: 'A positive decimal number as a string, such as "12.50"',
  examples: ['100.00'],
});
const Description = lineOfText({ min: 0, max: 300 }, { examples: ['Seeds'] });

export const PHONE_NUMBER_RULE = 'A phone number with its country code, such as +49 30 123456';

export const PhoneRegistration = Type.Object({
  phone_number: Type.String({
    maxLength: 40,
    error: PHONE_NUMBER_RULE,
    description: 'In international form',
    examples: ['+49 30 123456'],
  }),
  // The rule of the users service, which stores it.
  password: newPassword(),
  date_of_birth: calendarDate({ from: '1900-01-01', until: 'today' }),
});
export type PhoneRegistration = Static<typeof PhoneRegistration>;

export const NewAccount = Type.Object({ currency: Currency });
export type NewAccount = Static<typeof NewAccount>;

export const Account = Type.Object({
  id: Type.String(),
  user_id: nullable(Type.String()),
  currency: Type.String({ examples: ['EUR'] }),
  status: Type.Union([Type.Literal('open'), Type.Literal('closed')]),
  balance: Type.Optional(Money('Posted transactions')),
  available: Type.Optional(Money('Balance minus pending outgoing transactions')),
  created_at: Moment,
});
export type Account = Static<typeof Account>;

/** What everybody may know of an account: where a person is paid, and whether money arrives there. */
export const Payee = Type.Object({
  account_id: Type.String(),
  holder: Type.String({ description: 'The public name of the holder', examples: ['Ada Lovelace'] }),
  currency: Type.String({ examples: ['EUR'] }),
  accepts: Type.Boolean({ description: 'Whether the account takes money' }),
});
export type Payee = Static<typeof Payee>;

export const PayeeQuery = Type.Object({
  account_id: Type.Optional({ ...Uuid, description: 'The account; or else user_id' }),
  user_id: Type.Optional({ ...Uuid, description: 'The holder; or else account_id' }),
  currency: Type.Optional({ ...Currency, description: 'With user_id; default: the currency of every user' }),
});
export type PayeeQuery = Static<typeof PayeeQuery>;

export const UserWithAccount = Type.Object({
  id: Type.String(),
  username: Type.String({ description: 'The name to sign in with' }),
  display_name: Type.String(),
  account: { ...nullable(Account), description: 'Null for anybody but the user and operators' },
});
export type UserWithAccount = Static<typeof UserWithAccount>;

export const NewTransaction = Type.Object({
  sender_id: Uuid,
  receiver_id: Uuid,
  amount: AmountText,
  currency: Type.Optional(Currency),
  description: Type.Optional(Description),
  pending: Type.Optional(
    Type.Boolean({ description: 'Reserve the amount until the transaction is posted, voided or expires' }),
  ),
  expires_in_seconds: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 30 * 86_400,
      description: 'Lifetime of a pending transaction; default 7 days',
    }),
  ),
});
export type NewTransaction = Static<typeof NewTransaction>;

export const NewDeposit = Type.Object({
  amount: AmountText,
  description: Type.Optional(Description),
});
export type NewDeposit = Static<typeof NewDeposit>;

export const Transaction = Type.Object({
  id: Type.String(),
  kind: Type.String({ examples: ['transfer', 'deposit', 'withdrawal', 'reversal'] }),
  sender_id: Type.String(),
  receiver_id: Type.String(),
  amount: Money('A decimal number'),
  currency: Type.String(),
  description: Type.String(),
  status: Type.Union([
    Type.Literal('pending'),
    Type.Literal('posted'),
    Type.Literal('voided'),
    Type.Literal('expired'),
  ]),
  reverses: nullable(Type.String()),
  expires_at: nullable(Moment),
  created_at: Moment,
});
export type Transaction = Static<typeof Transaction>;

export const Entry = Type.Object({
  id: Type.String(),
  transaction_id: Type.String(),
  counterparty_id: Type.String({ description: 'The other account of the transaction' }),
  amount: Money('Negative for a debit'),
  balance_after: Money('Account balance after this entry'),
  currency: Type.String(),
  description: Type.String(),
  created_at: Moment,
});
export type Entry = Static<typeof Entry>;
export const EntryPage = PageOf(Entry);

export const KeySet = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) });
