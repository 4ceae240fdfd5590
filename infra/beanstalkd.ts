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
    ...beanstalkdPlan({ folder, host: '127.0.0.1', port: ports.beanstalkd }),
    environment: { BEANSTALKD_HOST: '127.0.0.1', BEANSTALKD_PORT: String(ports.beanstalkd) },
  }),
});

/** How one beanstalkd is run, whose log of jobs is in `folder`. */
export const beanstalkdPlan = ({ folder, host, port }: { folder: string; host: string; port: number }) => ({
  commands: [
    {
      program: systemProgram('beanstalkd', 'beanstalkd'),
      args: [
        ...['-l', host, '-p', String(port), '-z', String(MAX_JOB_BYTES)],
        // -f0: a job is synced to disk before it is acknowledged.
        ...['-b', folder, '-f0'],
      ],
    },
  ] as const,
  ready: async () => (await probeTcp(port, 'stats\r\n', host))?.startsWith('OK ') === true,
});
