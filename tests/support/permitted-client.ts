import { developmentIdentity } from '#kit/core/identity';
import type { Runtime } from '#kit/core/runtime';
import { callersOf } from '#kit/grpc/callers';
import { createGrpcClient, type GrpcClient } from '#kit/grpc/client';
import type { GrpcDefinition } from '#kit/grpc/definition';
import type { InstanceDirectory } from '#kit/registry/instances';

/** A gRPC client that makes each call as the first process which the contract permits to make it. */
export function permittedClient<Definition extends GrpcDefinition>(
  runtime: Runtime,
  options: { service: string; definition: Definition; registry: InstanceDirectory; deadlineMs?: number },
): GrpcClient<Definition> {
  const clients = new Map<string, GrpcClient<Definition>>();
  const clientOf = (caller: string) => {
    const present = clients.get(caller);
    if (present !== undefined) return present;
    const identity = developmentIdentity(caller === '*' ? 'gateway' : caller);
    const created = createGrpcClient(runtime, { ...options, identity });
    clients.set(caller, created);
    return created;
  };
  const calls = Object.entries(options.definition.methods).map(([name, method]) => {
    const [caller = ''] = callersOf(method);
    return [name, clientOf(caller)[name]];
  });
  // The mapped type follows from the definition, which Object.entries does not preserve.
  return Object.fromEntries(calls) as GrpcClient<Definition>;
}
