import { describe, expect, test } from 'bun:test';
import { signature } from '../../../tests/support/stripe';
import { isSignedEvent } from './signature';

const [SECRET, NEXT] = ['whsec_0123456789abcdefCurrent', 'whsec_0123456789abcdefNext'];
const NOW_MS = 1_764_450_000_000;
const PAYLOAD = JSON.stringify({ id: 'evt_1', description: 'Zwei Vogelhäuschen 🐦' });
const bytes = new TextEncoder().encode(PAYLOAD);

const verify = (
  header: string | null,
  options: { secrets?: string[]; body?: Uint8Array; nowMs?: number } = {},
) =>
  isSignedEvent(
    { bytes: options.body ?? bytes, header },
    options.secrets ?? [SECRET],
    options.nowMs ?? NOW_MS,
  );
const sign = (secret = SECRET, atMs = NOW_MS) => signature(PAYLOAD, { secret, atMs });
const signatureIn = (header: string) => header.slice(header.indexOf('v1='));

describe('an event', () => {
  test("signed by Stripe's own library is genuine, with any of the secrets", async () => {
    expect(verify(await sign())).toBe(true);
    expect(verify(await sign(NEXT), { secrets: [SECRET, NEXT] })).toBe(true);
    expect(verify(await sign(NEXT))).toBe(false);
    expect(verify(await sign(), { secrets: [] })).toBe(false);
  });

  test('with several signatures is genuine by one of them', async () => {
    const [current, next] = [await sign(), await sign(NEXT)];
    expect(verify(`${next},${signatureIn(current)}`)).toBe(true);
    expect(verify(`${current},v1=${'0'.repeat(64)},v0=${'0'.repeat(64)}`)).toBe(true);
    expect(verify(`${current}${`,v1=${'0'.repeat(64)}`.repeat(20)}`)).toBe(false);
  });

  test('is genuine within five minutes of its time', async () => {
    const header = await sign();
    for (const seconds of [-300, 0, 300])
      expect(verify(header, { nowMs: NOW_MS + seconds * 1000 })).toBe(true);
    for (const seconds of [-301, 301, 86_400])
      expect(verify(header, { nowMs: NOW_MS + seconds * 1000 })).toBe(false);
    // Another time than the signed one.
    expect(verify(header.replace(/^t=\d+/, `t=${NOW_MS / 1000 + 1}`))).toBe(false);
  });

  test('is not genuine when a byte of its body has changed', async () => {
    const header = await sign();
    for (const at of [0, 20, bytes.length - 1]) {
      const body = bytes.slice();
      body[at] = (body[at] ?? 0) ^ 1;
      expect(verify(header, { body })).toBe(false);
    }
    expect(verify(header, { body: new TextEncoder().encode(`${PAYLOAD}\n`) })).toBe(false);
  });

  test('is not genuine with anything else for a header', async () => {
    const header = await sign();
    const digest = signatureIn(header).slice(3);
    for (const wrong of [
      null,
      '',
      'garbage',
      ',,==,',
      signatureIn(header),
      `t=${NOW_MS / 1000}`,
      `t=${NOW_MS / 1000},v1=`,
      `t=${NOW_MS / 1000},v1=${digest.slice(2)}`,
      `t=${NOW_MS / 1000},v1=${digest}zz`,
      `t=${NOW_MS / 1000},v0=${digest}`,
      `t=,v1=${digest}`,
      `t=-1,v1=${digest}`,
      `t=Infinity,v1=${digest}`,
      `t=${NOW_MS / 1000},t=${NOW_MS / 1000},v1=${digest}`,
    ])
      expect([wrong, verify(wrong)]).toEqual([wrong, false]);
  });
});
