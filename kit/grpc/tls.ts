import { type ChannelCredentials, type ChannelOptions, credentials, ServerCredentials } from '@grpc/grpc-js';
import { type InternalTls, tlsNameOf } from '../core/internal-tls';

/** How a gRPC port is served: with TLS, for clients with a certificate of the same authority only, where it is set up. */
export function serverCredentials(tls: InternalTls | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  return ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], true);
}

/**
 * How to connect to instances of a service: one that serves TLS needs a certificate for the name of the service, and gets
 * that of this process. Without one of its own, a process cannot connect to it.
 */
export function clientTls(
  tls: InternalTls | null,
  service: string,
): (isTls: boolean) => readonly [ChannelCredentials, ChannelOptions] {
  // Created with the first such instance: it reads the authorities.
  let secure: ChannelCredentials | undefined;
  return (isTls) => {
    if (!isTls) return [credentials.createInsecure(), {}];
    secure ??= secureCredentials(tls);
    return [secure, { 'grpc.ssl_target_name_override': tlsNameOf(service) }];
  };
}

function secureCredentials(tls: InternalTls | null): ChannelCredentials {
  if (tls === null) return credentials.createSsl();
  return credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert));
}
