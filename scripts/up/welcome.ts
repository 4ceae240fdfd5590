import { httpUrl } from '#kit/core/address';
import { DEMO_PERSON } from '../demo/people';

export const GATEWAY_PORT = 8080;
export const REGISTRY_PORT = 8006;
export const GATEWAY_URL = `http://127.0.0.1:${GATEWAY_PORT}/`;

/** Where the processes of the system are, when not as one of each on 127.0.0.1. */
export interface Machines {
  /** Of every gateway and registry, in order. */
  readonly gateways: readonly string[];
  readonly registries: readonly string[];
  /** A process of which there is a log. */
  readonly process: string;
}

const ONE_MACHINE: Machines = { gateways: ['127.0.0.1'], registries: ['127.0.0.1'], process: 'users' };

/**
 * What a person reads once the system is up: where to look, how to sign in, and what to try next.
 *
 * @param servers the addresses of the started servers
 * @param settings the environment with the administrator's name, and whether the password is known
 */
export function welcome(
  servers: Readonly<Record<string, string>>,
  settings: NodeJS.ProcessEnv,
  { gateways, registries, process }: Machines = ONE_MACHINE,
): string {
  const inbox = servers.MAIL_INBOX_URL;
  const administrator = settings.ADMIN_USERNAME || 'admin';
  return [
    '',
    'Rookery is up.',
    `  gateway   ${listOf(gateways, GATEWAY_PORT, '/')}`,
    `  docs      ${GATEWAY_URL}docs`,
    `  registry  ${listOf(registries, REGISTRY_PORT, '/services')}`,
    ...(inbox === undefined ? [] : [`  mail      ${inbox}`]),
    `  sign in   ${GATEWAY_URL}auth/sign-in as ${DEMO_PERSON.username} / ${DEMO_PERSON.password}`,
    `  operator  ${administrator} / ${settings.ADMIN_PASSWORD ? 'the ADMIN_PASSWORD in .env' : 'the password printed at the first start'}`,
    '',
    'Next: `make demo` runs the main workflow, `make ps` lists the processes,',
    `\`make logs s=${process}\` follows a log, \`make help\` lists all targets. Ctrl-C or \`make down\` stops everything.`,
    '',
  ].join('\n');
}

const listOf = (hosts: readonly string[], port: number, path: string) =>
  hosts.map((host) => httpUrl(host, port, path)).join(' ');
