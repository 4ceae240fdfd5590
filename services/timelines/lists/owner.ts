import type { Caller } from '#kit/auth/caller';
import { Forbidden } from '#kit/errors/problem';
import { usernameKey } from '#kit/text/identity';

/** @throws Forbidden when a home timeline is not the caller's own */
export function requireOwner(caller: Caller, username: string): void {
  if (usernameKey(username) !== usernameKey(caller.username))
    throw new Forbidden({ detail: 'Only its owner can read a home timeline.' });
}
