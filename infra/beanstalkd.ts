import { probeTcp } from './probes';
import { systemProgram } from './programs';
import { defineServer } from './server';

/** Bytes. beanstalkd's default limit of 64 KiB is below the largest request that a service accepts. */
const MAX_JOB_BYTES = 1_048_576;

export const beanstalkd = defineServer({
  name: 'beanstalkd',
  replacedBy: ['BEANSTALKD_HOST'],
  ports: { beanstalkd: 21300 },
  plan: ({ folder, ports }) => ({
    commands: [
      {
        program: systemProgram('beanstalkd', 'beanstalkd'),
        args: [
          ...['-l', '127.0.0.1', '-p', String(ports.beanstalkd), '-z', String(MAX_JOB_BYTES)],
          // -f0: a job is synced to disk before it is acknowledged.
          ...['-b', folder, '-f0'],
        ],
      },
    ],
    ready: async () => (await probeTcp(ports.beanstalkd, 'stats\r\n'))?.startsWith('OK ') === true,
    environment: { BEANSTALKD_HOST: '127.0.0.1', BEANSTALKD_PORT: String(ports.beanstalkd) },
  }),
});
