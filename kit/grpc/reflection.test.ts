import { afterAll, expect, test } from 'bun:test';
import { Client, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { addReflection } from './reflection';

const server = new Server();
addReflection(server, pino({ level: 'silent' }), ['users.v1.UsersService']);
const port = await new Promise<number>((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (failure, bound) =>
    failure ? reject(failure) : resolve(bound),
  ),
);
const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());

afterAll(() => {
  client.close();
  server.forceShutdown();
});

/** Sends raw bytes as grpcurl does, and returns the response as text to be searched for names. */
const reflect = (service: string, request: Buffer) =>
  new Promise<string>((resolve, reject) => {
    const unchanged = (bytes: Buffer) => bytes;
    const path = `/${service}/ServerReflectionInfo`;
    const options = { deadline: Date.now() + 10_000 };
    const call = client.makeBidiStreamRequest(path, unchanged, unchanged, new Metadata(), options);
    call.on('data', (response: Buffer) => {
      resolve(response.toString('latin1'));
      call.end();
    });
    call.on('error', reject);
    call.write(request);
  });

/** ServerReflectionRequest: `string list_services = 7`. */
const LIST_SERVICES = Buffer.from([0x3a, 0x00]);
/** ServerReflectionRequest: `string file_containing_symbol = 4`. */
const fileContaining = (symbol: string) =>
  Buffer.concat([Buffer.from([0x22, symbol.length]), Buffer.from(symbol)]);

test.each(['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'])(
  '%s lists the services and their descriptors',
  async (service) => {
    expect(await reflect(service, LIST_SERVICES)).toContain('users.v1.UsersService');
    expect(await reflect(service, fileContaining('users.v1.UsersService'))).toContain('GetUserByUsername');
  },
);
