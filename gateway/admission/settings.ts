import { type Field, integer } from '#kit/env';

/** How many requests a minute pass; 0 for all. Production has to say which: none of these suits everybody. */
export const rateLimitFields = {
  RATE_LIMIT_PER_MINUTE: perMinute(0),
  RATE_LIMIT_SIGN_IN_PER_MINUTE: perMinute(6_000),
  RATE_LIMIT_REGISTRATION_PER_MINUTE: perMinute(6_000),
  RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: perMinute(6_000),
};

/** @param fallback for development, where one machine is everybody */
function perMinute(fallback: number): Field<number> {
  return { ...integer(fallback, { min: 0, max: 60_000_000 }), chosenInProduction: true };
}
