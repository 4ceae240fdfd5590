import { expect, test } from 'bun:test';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { writeTogether } from './write-together';

test('frames of one turn leave together, in their order, and those of the next turn after them', async () => {
  const received: Buffer[] = [];
  const server = createServer((socket) =>
    socket.on('data', (bytes) => Buffer.isBuffer(bytes) && received.push(bytes)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const stream: Socket = connect(address.port, '127.0.0.1');
  await once(stream, 'connect');
  writeTogether({ connection: { stream } });

  const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  for (const frame of ['one ', 'two ', 'three ']) stream.write(frame);
  expect(stream.writableLength).toBe(Buffer.byteLength('one two three '));
  await turn();
  expect(stream.writableCorked).toBe(0);
  stream.write('four');
  stream.end();
  await once(stream, 'close');
  expect(Buffer.concat(received).toString()).toBe('one two three four');
  server.close();
});
