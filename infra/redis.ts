import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OPERATOR } from '#kit/messaging/rabbit/publisher-check';
import { keptPassword } from './identities';
import { probeTcp } from './probes';
import { systemProgram } from './programs';
import { redisUsers } from './redis-users';
import { defineServer, type Profile } from './server';

export const redis = defineServer({
  name: 'redis',
  replacedBy: ['REDIS_URL'],
  ports: { redis: 16379 },
  plan({ folder, profile, identities, ports }) {
    const operator = redisOperator(folder, profile);
    const users = join(folder, 'users.acl');
    writeFileSync(users, redisUsers(identities, operator), { mode: 0o600 });
    const credentials = operator === undefined ? '' : `${operator.name}:${operator.password}@`;
    return {
      ...redisPlan({ folder, users, host: '127.0.0.1', port: ports.redis }),
      environment: { REDIS_URL: `redis://${credentials}127.0.0.1:${ports.redis}` },
    };
  },
});

/** Whoever reaches everything; nobody has to in tests. */
export const redisOperator = (folder: string, profile: Profile) =>
  profile === 'test' ? undefined : { name: OPERATOR, password: keptPassword(join(folder, 'operator')) };

/** How one Redis is run, whether it is alone or a node of a cluster. */
export const redisPlan = ({
  folder,
  users,
  host,
  port,
  args = [],
}: {
  folder: string;
  users: string;
  host: string;
  port: number;
  args?: readonly string[];
}) => ({
  commands: [
    {
      program: systemProgram('redis-server', 'redis-server'),
      args: [
        ...['--port', String(port), '--bind', host, '--dir', folder, '--aclfile', users],
        // Setting the process title would overwrite the environment that identifies orphans.
        ...['--set-proc-title', 'no'],
        // The file is written before the reply is sent, so a killed Redis loses nothing that it acknowledged; only a
        // power loss does. Not so with everysec: while a sync is in progress, as long as a slow disk takes, Redis
        // postpones writing the file by up to 2 s. And always syncs once for each batch, at ten times the cost.
        ...['--appendonly', 'yes', '--appendfsync', 'no', '--save', ''],
        // A feed of 800 ids stays a compact listpack: 16 KB per user instead of 103 KB.
        ...['--zset-max-listpack-entries', '1024'],
        ...['--maxmemory', '512mb', '--maxmemory-policy', 'noeviction'],
        ...args,
      ],
    },
  ] as const,
  ready: async () => /^(\+PONG|-NOAUTH)/.test((await probeTcp(port, 'PING\r\n', host)) ?? ''),
});
