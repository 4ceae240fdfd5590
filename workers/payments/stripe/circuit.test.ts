import { expect, test } from 'bun:test';
import { createCircuit } from './circuit';

test('a circuit opens after five failures in succession, for ten seconds, and one more opens it again', async () => {
  let nowMs = 1_000;
  const circuit = createCircuit(() => nowMs);
  const isOpen = () => {
    try {
      circuit.admit();
      return false;
    } catch {
      return true;
    }
  };
  for (let count = 0; count < 4; count++) circuit.failed('StripeAPIError (500)');
  circuit.succeeded();
  expect(await circuit.check()).toBeUndefined();
  for (let count = 0; count < 4; count++) circuit.failed('StripeAPIError (500)');
  expect(isOpen()).toBe(false);
  circuit.failed('StripeConnectionError');
  expect(isOpen()).toBe(true);
  await expect(circuit.check()).rejects.toMatchObject({
    detail: expect.stringContaining('StripeConnectionError, 5 in succession'),
  });
  nowMs += 9_999;
  expect(isOpen()).toBe(true);
  nowMs += 1;
  expect(isOpen()).toBe(false);
  circuit.failed('StripeConnectionError');
  expect(isOpen()).toBe(true);
  nowMs += 10_000;
  circuit.succeeded();
  expect([isOpen(), await circuit.check()]).toEqual([false, undefined]);
});
