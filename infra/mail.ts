import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { probeHttp, probeTcp } from './probes';
import { defineServer } from './server';

/** Captures every mail instead of delivering it, and shows it on a web page. */
export const mail = defineServer({
  name: 'mail',
  replacedBy: ['SMTP_HOST'],
  ports: { smtp: 11025, inbox: 11080 },
  plan({ folder, ports }) {
    const messages = join(folder, 'messages');
    mkdirSync(messages, { recursive: true });
    return {
      commands: [
        {
          program: process.execPath,
          args: [
            join(import.meta.dir, 'mail-catcher.ts'),
            ...['--ip', '127.0.0.1', '--smtp', String(ports.smtp), '--web', String(ports.inbox)],
            ...['--mail-directory', messages, '--silent'],
          ],
        },
      ],
      ready: async () =>
        (await probeTcp(ports.smtp))?.startsWith('220') === true &&
        (await probeHttp(ports.inbox, '/healthz')),
      environment: {
        SMTP_HOST: '127.0.0.1',
        SMTP_PORT: String(ports.smtp),
        MAIL_INBOX_URL: `http://127.0.0.1:${ports.inbox}`,
      },
    };
  },
});
