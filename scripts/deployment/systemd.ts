import type { Deployed } from './processes';

/** The unit that starts every process. */
export const systemdTarget = (processes: readonly Deployed[]) =>
  [
    '[Unit]',
    'Description=Rookery',
    ...processes.map(({ name }) => `Wants=rookery@${name}.service`),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ].join('\n');
