import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What can be wrong with the way to an instance, or with the instance itself. */
export type Fault =
  /** Every answer comes so much later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The connection is reset as soon as something is asked. */
  | { readonly kind: 'reset' }
  /** Connections are accepted, and then there is silence; no FIN ever comes, as from a machine that lost its power. */
  | { readonly kind: 'half-open' }
  /** Every answer ends before its last bytes. */
  | { readonly kind: 'truncate' }
  /** Answers come byte by byte. */
  | { readonly kind: 'throttle'; readonly bytesPerSecond: number };

/** A TCP proxy in front of one instance, on a port of its own. */
export interface FaultProxy {
  readonly port: number;
  /** How many of the requests that count have come to it so far, whether they got through or not. */
  requests(): number;
  /** From now on, for the connections there are and for new ones; null makes it well. */
  suffer(fault: Fault | null): void;
  /** Listens no more and resets every connection: the instance is gone without a word. */
  stop(): void;
}

const MISSING_BYTES = 10;
const THROTTLE_STEP_MS = 20;

/**
 * @param target port of the instance
 * @param counted what the request lines begin with that count, like `GET /birds/`
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
    instance.on('data', (bytes) => answer(client, instance, Buffer.from(bytes)));
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

  function answer(client: Socket, instance: Socket, bytes: Buffer) {
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
    suffer(next) {
      fault = next;
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
  if (address === null || typeof address === 'string') throw new Error('The proxy does not listen on TCP');
  return address.port;
}
