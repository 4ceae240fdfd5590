import { type Static, Type } from '@sinclair/typebox';
import { Uuid } from '#contracts/messages';
import { Currency } from '#contracts/money';
import { defineProblem } from '#kit/errors/problem';
import { PageOf } from '#kit/http/pagination';

export const AccountNotFound = defineProblem('account.not-found', 404, 'There is no such account');
export const AccountClosed = defineProblem('account.closed', 409, 'The account has been closed');
export const InsufficientFunds = defineProblem(
  'account.insufficient-funds',
  409,
  'There is not enough money on the account',
);
export const PhoneNumberTaken = defineProblem(
  'account.phone-number-taken',
  409,
  'There is an account with this phone number',
);
export const PersonNotFound = defineProblem('user.not-found', 404, 'There is no such person');
export const TransactionNotFound = defineProblem(
  'transaction.not-found',
  404,
  'There is no such transaction',
);
export const SameAccount = defineProblem(
  'transaction.same-account',
  422,
  'Sender and receiver are the same account',
);
export const CurrencyMismatch = defineProblem(
  'transaction.currency-mismatch',
  422,
  'Both accounts and the transaction have to be in one currency',
);
export const NotPending = defineProblem(
  'transaction.not-pending',
  409,
  'The transaction is not pending, or not any more',
);
export const ExternalIdReused = defineProblem(
  'transaction.external-id-reused',
  409,
  'This external id belongs to another transfer',
);
export const NotReversible = defineProblem(
  'transaction.not-reversible',
  409,
  'The transfer cannot be moved back: it is not posted, or moved back already',
);

const Moment = Type.String({ format: 'date-time' });
const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);
const Money = (description: string) => Type.String({ description, examples: ['100.00'] });

/** Numbers of JSON are refused: they are not exact. */
const AmountText = Type.String({
  maxLength: 32,
  error: 'A positive decimal number as text, like "12.50"',
  examples: ['100.00'],
});
const Description = Type.String({
  maxLength: 300,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
  error: 'At most 300 characters on one line',
});

export const NewPerson = Type.Object({
  phone_number: Type.String({
    pattern: '^\\+?[0-9 ()-]{5,20}$',
    error: 'A phone number',
    examples: ['+49 30 123456'],
  }),
  password: Type.String({ minLength: 8, maxLength: 256, error: 'Eight to 256 characters' }),
  date_of_birth: Type.String({
    pattern: '^(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$',
    error: 'A date like 1990-12-31',
    examples: ['1990-12-31'],
  }),
});
export type NewPerson = Static<typeof NewPerson>;

export const NewAccount = Type.Object({ currency: Currency });

export const Account = Type.Object({
  id: Type.String(),
  user_id: Nullable(Type.String()),
  currency: Type.String({ examples: ['EUR'] }),
  status: Type.Union([Type.Literal('open'), Type.Literal('closed')]),
  balance: Type.Optional(Money('Shown to its owner only')),
  available: Type.Optional(Money('What may still be sent: the balance without what is pending')),
  created_at: Moment,
});
export type Account = Static<typeof Account>;

export const Person = Type.Object({
  id: Type.String(),
  username: Type.String({ description: 'What to sign in with' }),
  display_name: Type.String(),
  account: Nullable(Account),
});
export type Person = Static<typeof Person>;

export const NewTransaction = Type.Object({
  sender_id: Uuid,
  receiver_id: Uuid,
  amount: AmountText,
  currency: Type.Optional(Currency),
  description: Type.Optional(Description),
  pending: Type.Optional(
    Type.Boolean({ description: 'Only reserve the money, until it is posted, voided or expired' }),
  ),
  expires_in_seconds: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 30 * 86_400, description: 'Of a pending one; a week by default' }),
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
  reverses: Nullable(Type.String()),
  expires_at: Nullable(Moment),
  created_at: Moment,
});
export type Transaction = Static<typeof Transaction>;

export const Entry = Type.Object({
  id: Type.String(),
  transaction_id: Type.String(),
  counterparty_id: Type.String({ description: 'The other account' }),
  amount: Money('Negative for what went out'),
  balance_after: Money('The balance from then on'),
  currency: Type.String(),
  description: Type.String(),
  created_at: Moment,
});
export type Entry = Static<typeof Entry>;
export const EntryPage = PageOf(Entry);

export const KeySet = Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) });
