import { parseProcfile } from '../processes/procfile';

/** Something that can be started: a process of the system, or a command of an operator. */
export interface Program {
  readonly name: string;
  /** Its entry point, from the project's root. */
  readonly module: string;
  /** What an operator's command does; undefined for a process of the Procfile. */
  readonly purpose?: string;
}

/** Commands for operators, besides the processes. */
const COMMANDS: readonly Program[] = [
  {
    name: 'migrate',
    module: 'migrate/main.ts',
    purpose: 'migrate the database of every service, ahead of a roll-out',
  },
  {
    name: 'backup',
    module: 'scripts/backup/main.ts',
    purpose: 'copy all stores of a running system into a folder: backup /backups/monday',
  },
  {
    name: 'restore',
    module: 'scripts/restore/main.ts',
    purpose: 'restore a backup into an empty system, whose processes are stopped',
  },
  {
    name: 'server-users',
    module: 'scripts/server-users/main.ts',
    purpose: 'print the users of RabbitMQ or Redis, to import there: server-users rabbitmq',
  },
  {
    name: 'credential',
    module: 'scripts/credential.ts',
    purpose: 'print the registration credential of a service: credential hello',
  },
  {
    name: 'rotate-keys',
    module: 'services/auth/rotate-keys.ts',
    purpose: 'create the next key that signs access tokens, ahead of schedule',
  },
  {
    name: 'remove-second-factors',
    module: 'services/auth/remove-second-factors.ts',
    purpose: 'let a user in who has lost the second factors: remove-second-factors alice',
  },
  {
    name: 'rebuild-likes',
    module: 'services/likes/rebuild-likes.ts',
    purpose: "rebuild rankings and people's lists from the likers of posts",
  },
];

/** Every program, from the text of the Procfile, without the servers of the local stack. */
export function programsOf(procfile: string): Program[] {
  const processes = parseProcfile(procfile).flatMap(({ name, command }) => {
    const [, module] = /\bbun (\S+\/main\.ts)\b/.exec(command) ?? [];
    return module === undefined || name === 'infra' ? [] : [{ name, module }];
  });
  return [...processes, ...COMMANDS];
}
