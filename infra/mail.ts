import { join } from 'node:path';
import { type MailCatcher, startMailCatcher } from './mail/catcher';
import { type Server, serverPorts } from './server';

/** Catches every mail instead of delivering it, and shows it on a web page. Runs in the process that starts the stack. */
export const mail: Server = {
  name: 'mail',
  replacedBy: ['SMTP_HOST'],
  async start(context) {
    const started = performance.now();
    const ports = await serverPorts('mail', { smtp: 11025, inbox: 11080 }, context);
    const options = {
      folder: join(context.folder, 'mail', 'messages'),
      smtpPort: ports.smtp,
      inboxPort: ports.inbox,
    };
    let catcher: MailCatcher | undefined = await startMailCatcher(options);
    async function stop() {
      await catcher?.stop();
      catcher = undefined;
    }
    return {
      name: 'mail',
      environment: {
        SMTP_HOST: '127.0.0.1',
        SMTP_PORT: String(ports.smtp),
        MAIL_INBOX_URL: `http://127.0.0.1:${ports.inbox}`,
      },
      startedInMs: Math.round(performance.now() - started),
      pid: () => (catcher === undefined ? undefined : process.pid),
      kill: stop,
      async restart() {
        await stop();
        catcher = await startMailCatcher(options);
      },
      stop,
    };
  },
};
