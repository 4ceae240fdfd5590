import type { Deployed } from './processes';

/** The name of a process as an instance of rookery@.service: its folder, escaped as by systemd-escape(1). */
const instanceOf = ({ folder }: Deployed) =>
  folder
    .split('/')
    .map((part) => part.replaceAll('-', '\\x2d'))
    .join('-');

/** The unit that starts every process. */
export const systemdTarget = (processes: readonly Deployed[]) =>
  [
    '[Unit]',
    'Description=Rookery',
    ...processes.map((process) => `Wants=rookery@${instanceOf(process)}.service`),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ].join('\n');
