import { randomBytes } from 'node:crypto';
import { hashOf } from '../secrets';

/** A pending sign-in waits so long for its second factor. */
export const PENDING_SIGN_IN_MS = 5 * 60_000;

/** RFC 6238, section 4: what every authenticator app takes. */
export const TOTP_DIGITS = 6;
export const TOTP_PERIOD_SECONDS = 30;
/** RFC 6238, section 5.2: one step for the delay of typing, and for a clock that is off. */
export const TOTP_WINDOW = 1;
/** RFC 4226, section 4: 160 bits are recommended. */
export const TOTP_SECRET_BYTES = 20;

export const RECOVERY_CODES = 10;
/** 80 bits: too many to guess, so that wrong ones need not be counted for a person. */
const RECOVERY_CODE_BYTES = 10;
/** Crockford's base32 in lower case: without letters that look like others. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const BITS = 5;

/** RFC 8176: several factors were shown. */
const MULTI_FACTOR = 'mfa';

/** Whether a session with these methods needs no second factor any more. */
export const isMultiFactor = (methods: readonly string[] | null): boolean =>
  methods?.includes(MULTI_FACTOR) === true;

/** The methods (`amr`) of a sign-in that has shown a second factor after the first one. */
export const withSecondFactor = (first: readonly string[], second: readonly string[]): string[] => [
  ...new Set([...first, ...second, MULTI_FACTOR]),
];

/** The methods of whoever has typed the password as well: a session does not lose the factors that it has shown. */
export const withPassword = (methods: readonly string[] = []): string[] => [...new Set(['pwd', ...methods])];

/** A new recovery code, in groups of four: `8zpk-0h4d-vn2q-c7xw`. */
export function createRecoveryCode(): string {
  let bits = BigInt(`0x${randomBytes(RECOVERY_CODE_BYTES).toString('hex')}`);
  let code = '';
  for (let index = 0; index < (RECOVERY_CODE_BYTES * 8) / BITS; index++) {
    code += ALPHABET[Number(bits & 31n)];
    bits >>= BigInt(BITS);
  }
  return (code.match(/.{4}/g) ?? []).join('-');
}

/** A typed code as it was issued: in any case, with or without hyphens and blanks, and with look-alikes taken as meant. */
export const recoveryCodeKey = (typed: string): string =>
  typed.toLowerCase().replaceAll(/[\s-]/g, '').replaceAll('o', '0').replaceAll(/[il]/g, '1');

/** How a recovery code is stored. Of 80 random bits nobody finds the preimage, so that a slow hash would add nothing. */
export const hashRecoveryCode = (typed: string): string => hashOf(recoveryCodeKey(typed));
