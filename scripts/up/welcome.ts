import { DEMO_PERSON } from '../demo/people';

export const GATEWAY_PORT = 8080;
export const REGISTRY_PORT = 8006;
export const GATEWAY_URL = `http://127.0.0.1:${GATEWAY_PORT}/`;

/**
 * What a person reads once the system is up: where to look, how to sign in, and what to try next.
 *
 * @param servers the addresses of the started servers
 * @param settings the environment with the administrator's name, and whether the password is known
 */
export function welcome(servers: Readonly<Record<string, string>>, settings: NodeJS.ProcessEnv): string {
  const inbox = servers.MAIL_INBOX_URL;
  const administrator = settings.ADMIN_USERNAME || 'admin';
  return [
    '',
    'Rookery is up.',
    `  gateway   ${GATEWAY_URL}`,
    `  docs      ${GATEWAY_URL}docs`,
    `  registry  http://127.0.0.1:${REGISTRY_PORT}/services`,
    ...(inbox === undefined ? [] : [`  mail      ${inbox}`]),
    `  sign in   ${DEMO_PERSON.username} / ${DEMO_PERSON.password}`,
    `  operator  ${administrator} / ${settings.ADMIN_PASSWORD ? 'the ADMIN_PASSWORD in .env' : 'the password printed at the first start'}`,
    '',
    'Next: `make demo` runs the main workflow, `make ps` lists the processes,',
    '`make logs s=users` follows a log, `make help` lists all targets. Ctrl-C or `make down` stops everything.',
    '',
  ].join('\n');
}
