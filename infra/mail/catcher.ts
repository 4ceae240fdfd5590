import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { openMailbox } from './mailbox';

const PAGE = join(import.meta.dir, 'inbox.html');
/** A mail of more than this is refused; the services send none larger than a few kilobytes. */
const MAX_MAIL_BYTES = 4 * 1024 * 1024;
/** SMTP connections at once; further ones wait. */
const MAX_SMTP_CLIENTS = 100;

/** Runs in the process that starts it. */
export interface MailCatcher {
  /** Closes all connections at once. */
  stop(): Promise<void>;
}

/**
 * Starts a mail server that keeps every mail instead of delivering it, and its inbox: a page, and as JSON `GET /email`,
 * `GET /email/{id}` and `DELETE /email/all`, as maildev has them. Both listen on loopback only.
 *
 * @param options.folder where the mails are kept; a mail is accepted once it is there
 * @throws when a port is in use
 */
export async function startMailCatcher(options: {
  folder: string;
  smtpPort: number;
  inboxPort: number;
}): Promise<MailCatcher> {
  const mailbox = openMailbox(options.folder);
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    // Avoids a DNS lookup of the client.
    disableReverseLookup: true,
    logger: false,
    size: MAX_MAIL_BYTES,
    maxClients: MAX_SMTP_CLIENTS,
    closeTimeout: 0,
    async onData(stream, _session, callback) {
      try {
        const parts: Buffer[] = [];
        // Read to its end in any case: the client sends all of it before it reads the reply.
        for await (const part of stream) if (!stream.sizeExceeded) parts.push(part);
        if (stream.sizeExceeded) return callback(refusal(552, 'The mail is too large'));
        await mailbox.add(Buffer.concat(parts));
        callback();
      } catch {
        callback(refusal(451, 'The mail could not be stored'));
      }
    },
  });
  // Of single connections, like a reset.
  smtp.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    smtp.server.once('error', reject);
    smtp.listen(options.smtpPort, '127.0.0.1', resolve);
  });
  const inbox = Bun.serve({
    hostname: '127.0.0.1',
    port: options.inboxPort,
    fetch: (request) => (isOwn(request) ? respond(request) : FORBIDDEN()),
  });

  function respond(request: Request): Response {
    const { pathname } = new URL(request.url);
    const [, id = ''] = /^\/email\/([\w-]+)$/.exec(pathname) ?? [];
    if (request.method === 'GET') {
      if (pathname === '/') return new Response(Bun.file(PAGE), { headers: PAGE_HEADERS });
      if (pathname === '/healthz') return Response.json(true);
      if (pathname === '/email') return jsonText(`[${mailbox.list().join()}]`);
      const mail = mailbox.get(id);
      if (mail !== undefined) return jsonText(mail);
    }
    if (request.method === 'DELETE' && pathname === '/email/all') {
      mailbox.clear();
      return Response.json(true);
    }
    return Response.json({ error: 'Not found' }, { status: 404 });
  }

  return {
    async stop() {
      await Promise.all([inbox.stop(true), new Promise<void>((resolve) => smtp.close(resolve))]);
    },
  };
}

const jsonText = (text: string) => new Response(text, { headers: { 'content-type': 'application/json' } });

/** A mail is shown in a frame without scripts; its pictures are not loaded. */
const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'",
  'x-frame-options': 'DENY',
};

const FORBIDDEN = () => new Response('Pages of other origins may not read mails.\n', { status: 403 });

const OWN_NAMES = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;

/**
 * Password resets are among the mails: pages of the inbox's own origin alone read them, and only under names that no foreign
 * site can have (DNS rebinding).
 */
function isOwn({ headers }: Request): boolean {
  const host = headers.get('host') ?? '';
  const origin = headers.get('origin');
  return OWN_NAMES.test(host) && (origin === null || origin === `http://${host}`);
}

const refusal = (responseCode: number, text: string) => Object.assign(new Error(text), { responseCode });
