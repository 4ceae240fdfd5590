import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A fault of an instance or of the network in front of it. */
export type Fault =
  /** Every response is delayed. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The connection is reset at the first request. */
  | { readonly kind: 'reset' }
  /** Connections are accepted but get no response and no FIN, as from a machine that lost power. */
  | { readonly kind: 'half-open' }
  /** Every response is cut off before its last bytes. */
  | { readonly kind: 'truncate' }
  /** Responses are sent slowly in small parts. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number };

/** A TCP proxy with fault injection in front of one instance, on a port of its own. */
export interface FaultProxy {
  readonly port: number;
  /** The number of counted requests received, whether they reached the instance or not. */
  requests(): number;
  /** Sets the fault of present and new connections; null removes it. */
  inject(fault: Fault | null): void;
  /** Sends bytes to every client, as if from the instance. */
  send(bytes: Uint8Array): void;
  /** Stops listening and resets every connection, as a crashed instance. */
  stop(): void;
}

const MISSING_BYTES = 10;
const THROTTLE_STEP_MS = 20;

/**
 * @param target port of the instance
 * @param counted the start of the request lines that are counted, like `GET /birds/`
 */
export async function startFaultProxy(target: number, counted: string): Promise<FaultProxy> {
  const clients = new Set<Socket>();
  let fault: Fault | null = null;
  let requests = 0;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const instance = connect({ port: target, host: '127.0.0.1', noDelay: true });
    clients.add(client);
    const both = [client, instance];
    client.on('data', (bytes) => {
      requests += bytes.toString('latin1').split(counted).length - 1;
      if (fault?.kind === 'reset') for (const socket of both) socket.resetAndDestroy();
      else if (fault?.kind !== 'half-open') instance.write(bytes);
    });
    instance.on('data', (bytes) => respond(client, instance, Buffer.from(bytes)));
    client.on('end', () => instance.end());
    instance.on('end', () => {
      if (fault?.kind !== 'half-open') client.end();
    });
    for (const socket of both) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clients.delete(client);
        if (socket === client || fault?.kind !== 'half-open') for (const other of both) other.destroy();
      });
    }
  });

  function respond(client: Socket, instance: Socket, bytes: Buffer) {
    switch (fault?.kind) {
      case 'delay':
        setTimeout(() => client.write(bytes), fault.ms);
        return;
      case 'half-open':
        return;
      case 'truncate':
        client.end(bytes.subarray(0, -MISSING_BYTES));
        instance.destroy();
        return;
      case 'throttle':
        drip(client, bytes, Math.ceil((fault.bytesPerSecond * THROTTLE_STEP_MS) / 1_000));
        return;
      default:
        client.write(bytes);
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server.address()),
    requests: () => requests,
    inject(next) {
      fault = next;
    },
    send(bytes) {
      for (const client of clients) client.write(bytes);
    },
    stop() {
      server.close();
      for (const client of clients) client.resetAndDestroy();
    },
  };
}

function drip(client: Socket, bytes: Buffer, stepBytes: number): void {
  if (client.destroyed) return;
  client.write(bytes.subarray(0, stepBytes));
  if (bytes.length > stepBytes)
    setTimeout(() => drip(client, bytes.subarray(stepBytes), stepBytes), THROTTLE_STEP_MS);
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('The proxy is not listening on TCP');
  return address.port;
}
