import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { answersHttp, firstAnswer } from './answers';
import { defineServer } from './server';

/** Catches every mail instead of sending it, and shows it on a page. */
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
            join(dirname(Bun.resolveSync('maildev/package.json', import.meta.dir)), 'bin', 'maildev'),
            ...['--ip', '127.0.0.1', '--smtp', String(ports.smtp), '--web', String(ports.inbox)],
            ...['--mail-directory', messages, '--silent'],
          ],
        },
      ],
      ready: async () =>
        (await firstAnswer(ports.smtp))?.startsWith('220') === true &&
        (await answersHttp(ports.inbox, '/healthz')),
      environment: {
        SMTP_HOST: '127.0.0.1',
        SMTP_PORT: String(ports.smtp),
        MAIL_INBOX_URL: `http://127.0.0.1:${ports.inbox}`,
      },
    };
  },
});
