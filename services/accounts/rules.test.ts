import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { availableOf, type Balances, balanceOf, covers, type Movement, moved } from './rules';

const empty: Balances = {
  debitsPosted: 0n,
  creditsPosted: 0n,
  debitsPending: 0n,
  creditsPending: 0n,
  overdraftLimit: 0n,
};
const amount = fc.bigInt({ min: 1n, max: 10n ** 13n });
const movement = fc.constantFrom<Movement>('post', 'reserve', 'post-reserved', 'release');

test('what one side loses the other gets, whatever the movement', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(movement, amount)), (movements) => {
      let [sender, receiver] = [empty, empty];
      for (const [kind, of] of movements) {
        sender = moved(sender, 'sender', kind, of);
        receiver = moved(receiver, 'receiver', kind, of);
      }
      expect(balanceOf(sender) + balanceOf(receiver)).toBe(0n);
      expect(sender.debitsPending).toBe(receiver.creditsPending);
    }),
  );
});

test('reserving and posting is the same as posting at once, reserving and releasing as nothing', () => {
  fc.assert(
    fc.property(amount, (of) => {
      const reserved = moved(empty, 'sender', 'reserve', of);
      expect(balanceOf(reserved)).toBe(0n);
      expect(availableOf(reserved)).toBe(-of);
      expect(moved(reserved, 'sender', 'post-reserved', of)).toEqual(moved(empty, 'sender', 'post', of));
      expect(moved(reserved, 'sender', 'release', of)).toEqual(empty);
    }),
  );
});

test('money that is not there yet, or is on its way out, cannot be spent', () => {
  const account = { ...empty, creditsPosted: 100n, creditsPending: 50n, debitsPending: 30n };
  expect(covers(account, 70n)).toBe(true);
  expect(covers(account, 71n)).toBe(false);
  expect(covers({ ...account, overdraftLimit: 1n }, 71n)).toBe(true);
  expect(covers({ ...empty, overdraftLimit: null }, 10n ** 15n)).toBe(true);
});
