import {
  Client,
  Metadata,
  type Server,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  AddressProofServiceDefinition,
  type ProveRequest,
  type ProveResponse,
} from '#contracts/gen/registry/v1/address_proof';
import { authorityOf } from '../core/address';
import type { InternalTls } from '../core/internal-tls';
import type { AnswerChallenge } from '../registry/address-proof';
import { methodDefinition } from './definition';
import { clientTls } from './tls';

const method = methodDefinition(AddressProofServiceDefinition, AddressProofServiceDefinition.methods.prove);

/** Adds the service by which an instance proves its gRPC port to the registry. Like health, it needs no credentials. */
export function addAddressProof(server: Server, answer: AnswerChallenge): void {
  server.addService(
    { prove: method },
    {
      prove: async (
        { request }: ServerUnaryCall<ProveRequest, ProveResponse>,
        callback: sendUnaryData<ProveResponse>,
      ) => {
        const proof = await answer(request.instance_id, request.challenge);
        if (proof !== null) callback(null, { proof });
        else callback({ code: status.NOT_FOUND, details: 'Unknown instance' });
      },
    },
  );
}

/**
 * Sends a challenge to a gRPC port, on a connection of its own. Never throws.
 *
 * @returns the proof; otherwise whether nothing answered, or something else did
 */
export async function proveOverGrpc(
  instance: {
    readonly name: string;
    readonly host: string;
    readonly instance_id: string;
    readonly tls?: boolean | undefined;
  },
  options: {
    readonly port: number;
    readonly challenge: string;
    readonly timeoutMs: number;
    readonly internalTls: InternalTls | null;
  },
): Promise<{ readonly proof: string } | { readonly unreachable: boolean }> {
  const [credentials, tlsOptions] = clientTls(options.internalTls, instance.name)(instance.tls === true);
  const client = new Client(authorityOf(instance.host, options.port), credentials, {
    ...tlsOptions,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
  });
  const request: ProveRequest = { instance_id: instance.instance_id, challenge: options.challenge };
  const deadline = Date.now() + options.timeoutMs;
  try {
    return await new Promise((resolve) => {
      const settle = (failure: ServiceError | null, response?: unknown) =>
        resolve(failure === null ? (response as ProveResponse) : { unreachable: isUnreachable(failure) });
      const { path, requestSerialize, responseDeserialize } = method;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        { deadline },
        settle,
      );
    });
  } finally {
    client.close();
  }
}

const isUnreachable = ({ code }: ServiceError) =>
  code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED;
