import { dirname, join } from 'node:path';
import { probeHttp } from './probes';
import { defineServer } from './server';

export const dynamodb = defineServer({
  name: 'dynamodb',
  replacedBy: ['DYNAMODB_URL'],
  ports: { dynamodb: 18000 },
  plan: ({ folder, ports }) => ({
    commands: [
      {
        program: emulator(),
        args: [
          'serve',
          '--host',
          '127.0.0.1',
          '--port',
          String(ports.dynamodb),
          '--db-path',
          join(folder, 'tables.sqlite'),
        ],
      },
    ],
    ready: () => probeHttp(ports.dynamodb),
    environment: {
      DYNAMODB_URL: `http://127.0.0.1:${ports.dynamodb}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    },
  }),
});

function emulator(): string {
  try {
    return join(dirname(Bun.resolveSync('@dynoxide/linux-x64/package.json', import.meta.dir)), 'dynoxide');
  } catch {
    throw new Error(
      `No DynamoDB emulator is available for ${process.platform}-${process.arch}: start one and set DYNAMODB_URL`,
    );
  }
}
