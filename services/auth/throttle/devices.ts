import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { DEVICE_SECONDS } from '#kit/http/cookies/device';
import type { Devices } from '../deps';

/** Accounts that one browser is recognized for. */
const MAX_TOKENS = 4;
const SEPARATOR = '~';
/** 16 random bytes, the time in seconds, and the first 16 bytes of an HMAC-SHA256. */
const TOKEN = /^([\w-]{22})\.(\d{10})\.([\w-]{22})$/;

/** @param secret the key of the tokens, the same in all instances */
export function createDevices(secret: Uint8Array, now: () => number): Devices {
  const macOf = (id: string, issued: string, userId: string) =>
    createHmac('sha256', secret).update(`${id}.${issued}.${userId}`).digest('base64url').slice(0, 22);

  function idIn(token: string, userId: string): string | undefined {
    const [, id = '', issued = '', mac = ''] = TOKEN.exec(token) ?? [];
    if (id === '' || (Number(issued) + DEVICE_SECONDS) * 1_000 <= now()) return undefined;
    return timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(id, issued, userId))) ? id : undefined;
  }

  const tokensIn = (cookie = '') => cookie.split(SEPARATOR, MAX_TOKENS).filter((token) => TOKEN.test(token));

  function issue(userId: string): string {
    const id = randomBytes(16).toString('base64url');
    const issued = String(Math.floor(now() / 1_000));
    return `${id}.${issued}.${macOf(id, issued, userId)}`;
  }

  return {
    recognize: (cookie, userId) => tokensIn(cookie).flatMap((token) => idIn(token, userId) ?? [])[0],
    remember(cookie, userId) {
      const others = tokensIn(cookie).filter((token) => idIn(token, userId) === undefined);
      return [issue(userId), ...others.slice(0, MAX_TOKENS - 1)].join(SEPARATOR);
    },
  };
}
