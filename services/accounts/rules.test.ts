import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { applyMovement, availableOf, type Balances, balanceOf, hasFunds, type Movement } from './rules';

const empty: Balances = {
  debitsPosted: 0n,
  creditsPosted: 0n,
  debitsPending: 0n,
  creditsPending: 0n,
  overdraftLimit: 0n,
};
const amount = fc.bigInt({ min: 1n, max: 10n ** 13n });
const movement = fc.constantFrom<Movement>('post', 'reserve', 'post-pending', 'void-pending');

test('every movement debits one side by what it credits the other', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(movement, amount)), (movements) => {
      let [sender, receiver] = [empty, empty];
      for (const [kind, of] of movements) {
        sender = applyMovement(sender, 'sender', kind, of);
        receiver = applyMovement(receiver, 'receiver', kind, of);
      }
      expect(balanceOf(sender) + balanceOf(receiver)).toBe(0n);
      expect(sender.debitsPending).toBe(receiver.creditsPending);
    }),
  );
});

test('posting a reservation equals posting directly, and voiding it has no effect', () => {
  fc.assert(
    fc.property(amount, (of) => {
      const reserved = applyMovement(empty, 'sender', 'reserve', of);
      expect(balanceOf(reserved)).toBe(0n);
      expect(availableOf(reserved)).toBe(-of);
      expect(applyMovement(reserved, 'sender', 'post-pending', of)).toEqual(
        applyMovement(empty, 'sender', 'post', of),
      );
      expect(applyMovement(reserved, 'sender', 'void-pending', of)).toEqual(empty);
    }),
  );
});

test('neither pending credits nor pending debits are available', () => {
  const account = { ...empty, creditsPosted: 100n, creditsPending: 50n, debitsPending: 30n };
  expect(hasFunds(account, 70n)).toBe(true);
  expect(hasFunds(account, 71n)).toBe(false);
  expect(hasFunds({ ...account, overdraftLimit: 1n }, 71n)).toBe(true);
  expect(hasFunds({ ...empty, overdraftLimit: null }, 10n ** 15n)).toBe(true);
});
