import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { eventually as retrying } from '../../tests/support/eventually';
import { eventually, startTestGateway } from '../proxy/test-gateway';

const toStop: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

/** Writes a self-signed certificate and its key for this name. */
async function writePair(folder: string, name: string): Promise<void> {
  const [keyPath, certPath] = [join(folder, 'new-key.pem'), join(folder, 'new-cert.pem')];
  const command = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name}`;
  const openssl = Bun.spawn([...command.split(' '), '-keyout', keyPath, '-out', certPath], {
    stderr: 'ignore',
  });
  expect(await openssl.exited).toBe(0);
  renameSync(keyPath, join(folder, 'key.pem'));
  renameSync(certPath, join(folder, 'cert.pem'));
}

async function gatewayWithTls() {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-tls-'));
  toStop.push(() => rmSync(folder, { recursive: true }));
  await writePair(folder, 'first.example');
  const tls = { certPath: join(folder, 'cert.pem'), keyPath: join(folder, 'key.pem') };
  const gateway = await startTestGateway({ instances: [], tls });
  toStop.unshift(() => gateway.stop());
  return { gateway, folder };
}

async function handshake(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  toStop.unshift(() => socket.destroy());
  return new Promise((resolve, reject) => {
    socket.on('secureConnect', () => resolve(socket));
    socket.on('error', reject);
  });
}

async function ask(socket: TLSSocket): Promise<string> {
  let text = '';
  const listener = (bytes: Buffer) => {
    text += bytes.toString('latin1');
  };
  socket.on('data', listener);
  socket.write('GET /own HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually(
    () => text.endsWith('0\r\n\r\n'),
    () => text,
  );
  socket.off('data', listener);
  return text;
}

test('a changed certificate is reloaded, and existing connections continue', async () => {
  const { gateway, folder } = await gatewayWithTls();
  const before = await handshake(gateway.port);
  expect(before.getPeerCertificate().subject.CN).toBe('first.example');
  expect(await ask(before)).toStartWith('HTTP/1.1 200 OK');
  await writePair(folder, 'second.example');
  // A connection that no one has accepted when the listener is replaced is reset.
  await retrying(
    async () => (await handshake(gateway.port)).getPeerCertificate().subject.CN === 'second.example',
  );
  expect(await ask(before)).toStartWith('HTTP/1.1 200 OK');
  expect(await ask(await handshake(gateway.port))).toStartWith('HTTP/1.1 200 OK');
}, 60_000);

test('TLS 1.2 is the minimum version', async () => {
  const { gateway } = await gatewayWithTls();
  const version = (number: string) =>
    Bun.spawn(
      [
        'openssl',
        's_client',
        '-connect',
        `127.0.0.1:${gateway.port}`,
        `-${number}`,
        '-cipher',
        'ALL@SECLEVEL=0',
      ],
      {
        stdin: new Blob([]),
        stdout: 'ignore',
        stderr: 'ignore',
      },
    ).exited;
  expect(await version('tls1_2')).toBe(0);
  expect(await version('tls1_1')).not.toBe(0);
});
