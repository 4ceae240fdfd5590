import { buffer } from 'node:stream/consumers';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';

/** Behavior: accepts mail, rejects recipients with a code or a reply, or stalls in the middle of a mail. */
export type Manner = 'takes' | 'stalls' | 450 | 550 | { readonly code: number; readonly text: string };

/** A mail server that stores the mail it accepts. `manner` can be changed at any time. */
export async function startMailServer(options: { port?: number; manner?: Manner } = {}) {
  const mails: Email[] = [];
  let stalled = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    // Avoids a DNS lookup of the client.
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    onRcptTo(_address, _session, callback) {
      const { manner } = mailServer;
      if (manner === 'takes' || manner === 'stalls') return callback();
      const reply = typeof manner === 'number' ? { code: manner, text: '5.1.1 no such mailbox' } : manner;
      callback(Object.assign(new Error(reply.text), { responseCode: reply.code }));
    },
    onData(stream, _session, callback) {
      void buffer(stream).then(async (bytes) => {
        if (mailServer.manner === 'stalls') {
          stalled++;
          return;
        }
        mails.push(await PostalMime.parse(bytes));
        callback();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const address = server.server.address();
  const mailServer = {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    manner: options.manner ?? ('takes' as Manner),
    mails,
    /** The number of mails without a response. */
    stalled: () => stalled,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
  return mailServer;
}
