import type { RegisterResult, RegistrationInput, Table } from './model';

/** A registration at an address of its own, the same for the same instance. */
export const registrationOf = (
  name: string,
  instanceId: string,
  more: Partial<RegistrationInput> = {},
): RegistrationInput => ({
  name,
  version: '1.0.0',
  host: '127.0.0.1',
  port: 1_024 + (Bun.hash.crc32(`${name}/${instanceId}`) % 60_000),
  instance_id: instanceId,
  routes: [],
  prefixes: [name],
  ...more,
});

/** Registers an instance and verifies its address, as a registry does at once. */
export function registerVerified(
  table: Table,
  registration: RegistrationInput,
  secret?: string,
): RegisterResult {
  const result = table.register(registration, secret);
  if ('isPending' in result && result.isPending) {
    const target = table.target({ name: registration.name, instance_id: result.instanceId });
    if (target) table.settle(target, { outcome: 'verified' });
  }
  return result;
}
