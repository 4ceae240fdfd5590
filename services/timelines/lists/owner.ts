import type { Caller } from '#kit/auth/caller';
import { Forbidden } from '#kit/errors/problem';

/** @throws Forbidden when a home timeline is not the caller's own */
export function requireOwner(caller: Caller, username: string): void {
  if (username.toLowerCase() !== caller.username.toLowerCase())
    throw new Forbidden({ detail: 'Only its owner can read a home timeline.' });
}
