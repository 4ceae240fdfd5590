import type { GrpcClient } from '#kit/grpc/client';
import type { GrpcDefinition } from '#kit/grpc/definition';
import type { GrpcService } from '#kit/grpc/server';

/** Calls the handlers of a gRPC service in process, without a network. */
export function directClient<Definition extends GrpcDefinition>(
  service: GrpcService,
): GrpcClient<Definition> {
  const methods = [...service.handlers].map(([name, handle]) => [
    name,
    async (request: never) => handle(request, {} as never),
  ]);
  return Object.fromEntries(methods) as GrpcClient<Definition>;
}
