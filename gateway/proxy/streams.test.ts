import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { gatewayFixture } from './test-fixture';
import { eventually, rawClient, rawUpstream } from './test-gateway';

const MIB = 1024 * 1024;
const { startGateway, stopAfter } = gatewayFixture();

/** Runs a program in a process of its own, to measure its memory alone; it prints its port first. */
async function inOwnProcess(source: string): Promise<{ port: number; pid: number }> {
  const child = Bun.spawn([process.execPath, '-e', source], { stdout: 'pipe' });
  stopAfter(() => child.kill());
  const { value } = await child.stdout.getReader().read();
  return { port: Number(Buffer.from(value ?? []).toString()), pid: child.pid };
}

const upstreamAlone = (fetchSource: string) =>
  inOwnProcess(
    `const server = Bun.serve({ port: 0, idleTimeout: 0, maxRequestBodySize: 2 ** 31, fetch: ${fetchSource} }); console.log(server.port);`,
  );

const gatewayAlone = (instance: number) =>
  inOwnProcess(
    `import { startTestGateway } from '${import.meta.dir}/test-gateway'; const gateway = await startTestGateway({ instances: [${instance}] }); console.log(gateway.port);`,
  );

/** Maximum growth of a process's resident memory while `work` runs, in bytes. */
async function growthDuring(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = residentBytes(pid);
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, residentBytes(pid));
  }, 20);
  await work();
  clearInterval(watch);
  return peak - before;
}

function residentBytes(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

describe('memory is bounded', () => {
  test('during a large download to a slow reader', async () => {
    const size = 200 * MIB;
    const upstream = await upstreamAlone(`() => new Response(Buffer.alloc(${size}))`);
    const gateway = await gatewayAlone(upstream.port);
    let received = 0;
    const growth = await growthDuring(
      gateway.pid,
      () =>
        new Promise<void>((resolve) => {
          const socket = connect(gateway.port, '127.0.0.1', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
          socket.on('data', (bytes) => {
            received += bytes.length;
            socket.pause();
            setImmediate(() => socket.resume());
          });
          socket.on('close', () => resolve());
        }),
    );
    expect(received).toBeGreaterThan(size);
    expect(growth).toBeLessThan(64 * MIB);
  });

  test('during a large upload to a slow instance', async () => {
    const upstream = await upstreamAlone(
      `async (request) => { let size = 0; for await (const part of request.body) { size += part.length; await Bun.sleep(1); } return new Response(String(size)); }`,
    );
    const gateway = await gatewayAlone(upstream.port);
    const [part, parts] = [Buffer.alloc(64 * 1024), 90 * 16];
    const client = rawClient(gateway.port);
    const growth = await growthDuring(gateway.pid, async () => {
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${part.length * parts}\r\n\r\n`);
      for (let sent = 0; sent < parts; sent++) {
        if (!client.socket.write(part)) await new Promise((resolve) => client.socket.once('drain', resolve));
      }
      await client.until((text) => text.endsWith(String(90 * MIB)));
    });
    expect(growth).toBeLessThan(64 * MIB);
  });
});

describe('an event stream', () => {
  for (const leaves of ['end', 'destroy'] as const)
    test(`without events ends when its reader leaves: ${leaves}`, async () => {
      const upstream = rawUpstream((_, reply) =>
        reply('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'),
      );
      stopAfter(upstream.stop);
      const gateway = await startGateway({ instances: [upstream.port] });
      const client = rawClient(gateway.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until((text) => text.includes('\r\n\r\n'));
      client.socket[leaves]();
      await eventually(() => upstream.connections[0]?.closed === true);
    });

  test('that is silent for 12 seconds is not closed', async () => {
    // Deliberately slow: idle timeouts of HTTP servers are commonly 5 or 10 s.
    const server = Bun.serve({
      port: 0,
      idleTimeout: 0,
      fetch: () =>
        new Response(
          new ReadableStream({
            async start(controller) {
              controller.enqueue('data: first\n\n');
              await Bun.sleep(12_000);
              controller.enqueue('data: second\n\n');
              controller.close();
            },
          }),
          { headers: { 'content-type': 'text/event-stream' } },
        ),
    });
    stopAfter(() => server.stop(true));
    const gateway = await startGateway({ instances: [server.port ?? 0], route: { requestTimeoutMs: 1_000 } });
    const client = rawClient(gateway.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await client.until((text) => text.includes('first'));
    await Bun.sleep(12_000);
    expect(await client.untilClosed()).toContain('second');
  }, 60_000);
});

function echoSockets() {
  const server = Bun.serve({
    port: 0,
    fetch: (request, bun) =>
      bun.upgrade(request, { headers: { 'sec-websocket-protocol': 'chat' } })
        ? undefined
        : new Response('no', { status: 400 }),
    websocket: {
      perMessageDeflate: true,
      message: (socket, message) => {
        if (message === 'bye') socket.close(4001, 'as you wish');
        else socket.send(message);
      },
    },
  });
  stopAfter(() => server.stop(true));
  return server.port ?? 0;
}

const UPGRADE = [
  'GET /chat HTTP/1.1',
  'Host: a',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');

async function openSocket(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, ['chat']);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return socket;
}

describe('a WebSocket', () => {
  test('echoes 20,000 messages in sequence', async () => {
    const gateway = await startGateway({ instances: [echoSockets()] });
    const socket = await openSocket(gateway.port);
    let echoed = 0;
    await new Promise<void>((resolve) => {
      socket.onmessage = ({ data }) => {
        if (data !== `message ${echoed}`) throw new Error(`message ${echoed} came as ${data}`);
        if (++echoed === 20_000) resolve();
        else socket.send(`message ${echoed}`);
      };
      socket.send('message 0');
    });
    expect(echoed).toBe(20_000);
    socket.close();
  });

  test('keeps its subprotocol and close code, and negotiates no extension', async () => {
    const gateway = await startGateway({ instances: [echoSockets()] });
    const socket = await openSocket(gateway.port);
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    expect([socket.protocol, socket.extensions]).toEqual(['chat', '']);
    socket.send('bye');
    const { code, reason } = await closed;
    expect([code, reason]).toEqual([4001, 'as you wish']);
  });

  test('carries 8 MiB to a slow peer', async () => {
    const gateway = await startGateway({ instances: [echoSockets()] });
    const socket = await openSocket(gateway.port);
    const message = 'x'.repeat(8 * MIB);
    const echo = new Promise((resolve) => {
      socket.onmessage = ({ data }) => resolve(data === message);
    });
    socket.send(message);
    expect(await echo).toBe(true);
    socket.close();
  });

  test('whose client stalls is closed, though the instance has reset it meanwhile', async () => {
    const cut = Promise.withResolvers<void>();
    const server = Bun.serve({
      port: 0,
      fetch: (request, bun) => (bun.upgrade(request) ? undefined : new Response('no', { status: 400 })),
      websocket: {
        message: () => undefined,
        open(socket) {
          for (let sent = 0; sent < 32; sent++) socket.send('x'.repeat(MIB));
          // As chat does with slow readers.
          setTimeout(() => {
            socket.terminate();
            cut.resolve();
          }, 50);
        },
      },
    });
    stopAfter(() => server.stop(true));
    const gateway = await startGateway({ instances: [server.port ?? 0], limits: { writeStallMs: 300 } });
    const client = rawClient(gateway.port);
    client.socket.pause();
    client.send(UPGRADE);
    await cut.promise;
    await eventually(() => gateway.outcomes.length === 1);
    expect(await gateway.metrics.metrics()).toContain('gateway_tunnels_open 0');
    client.socket.destroy();
  });

  test('leaks no descriptor in 2,000 connections', async () => {
    const gateway = await startGateway({ instances: [echoSockets()] });
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let round = 0; round < 20; round++) {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => openSocket(gateway.port)));
      const rough = Array.from({ length: 50 }, () => rawClient(gateway.port));
      for (const client of rough) client.send(UPGRADE);
      const heads = await Promise.all(
        rough.map((client) => client.until((text) => text.startsWith('HTTP/1.1 101 '))),
      );
      for (const head of heads) expect(head).toContain('\r\nX-Registry-Revision: 1\r\n');
      expect(descriptors()).toBeGreaterThan(before + 300);
      // Half of them with a closing handshake, half by a reset.
      for (const socket of sockets) socket.close();
      for (const client of rough) client.socket.destroy();
      await eventually(
        () => descriptors() <= before + 10,
        () => `${descriptors()} descriptors, ${before} before`,
      );
    }
    expect(await gateway.metrics.metrics()).toContain('gateway_tunnels_open 0');
    expect(gateway.outcomes).toHaveLength(2_000);
  });
});
