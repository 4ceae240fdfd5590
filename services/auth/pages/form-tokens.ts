import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { FormExpired } from './model';

/** The field of every form that is sent with POST. */
export const FORM_TOKEN = 'form_token';

/** The token of the forms of a browser: no other site can know it, as it cannot read the cookie (OWASP, "Signed Double-Submit Cookie"). */
export const formTokenOf = (formSecret: Uint8Array, cookie: string): string =>
  createHmac('sha256', formSecret).update(cookie).digest('base64url');

/**
 * @param body of a form, validated
 * @throws FormExpired unless it has the token of the browser
 */
export function requireFormToken(body: unknown, expected: string): void {
  const sent = typeof body === 'object' && body !== null ? Reflect.get(body, FORM_TOKEN) : undefined;
  const bytes = Buffer.from(typeof sent === 'string' ? sent : '');
  const wanted = Buffer.from(expected);
  if (bytes.length !== wanted.length || !timingSafeEqual(bytes, wanted)) throw new FormExpired();
}

/** The secret for `formTokenOf`, the same in all instances. */
export const deriveFormSecret = (internalSecret: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', internalSecret, 'rookery', 'form tokens', 32));
