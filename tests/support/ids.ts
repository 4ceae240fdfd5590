import { createIdGenerator } from '#kit/core/ids';

/** Ids for a process that makes all of its database by itself. */
export function idsOfOneProcess(): () => Promise<string> {
  const nextId = createIdGenerator(1);
  return async () => nextId();
}
