import type { Registration } from '#contracts/registry';
import type { Runtime } from '#kit/core/runtime';
import { PROOF_PATH, proofResponse } from '#kit/registry/address-proof';
import { type InstanceLease, registerInstance } from '#kit/registry/lease';

/** An HTTP address of this process that registers as an instance and proves itself, without a whole service behind it. */
export function openAddress(
  fetch: (request: Request) => Response | Promise<Response> = () => new Response(),
) {
  let lease: InstanceLease | undefined;
  const answerChallenge = async (instanceId: string, challenge: string) =>
    lease ? lease.answerChallenge(instanceId, challenge) : null;
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) =>
      new URL(request.url).pathname.startsWith(PROOF_PATH)
        ? proofResponse(request, answerChallenge)
        : fetch(request),
  });
  const port = server.port ?? 0;

  return {
    port,
    /** For a gRPC server that is registered with this address. */
    answerChallenge,
    register(
      runtime: Runtime,
      urls: readonly string[],
      registration: Omit<Registration, 'host' | 'port'>,
    ): InstanceLease {
      lease = registerInstance(runtime, { urls, registration: { ...registration, host: '127.0.0.1', port } });
      return lease;
    },
    close: async () => void (await server.stop(true)),
  };
}
