import { createTransport } from 'nodemailer';
import { type Runtime, withTimeout } from '#kit/core/runtime';
import { encodeSubject } from './encoded-words';
import { classifyFailure } from './smtp-failures';

export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** Implicit TLS. Without it STARTTLS is used where the server offers it. */
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** `Name <address>` or an address. */
  readonly from: string;
}

export interface OutgoingMail {
  /** Becomes the `Message-ID`, the same at every attempt, so that receivers can detect duplicates. */
  readonly id: string;
  /** Without a name: whoever registered the address has chosen it, and mail clients show it as a headline. */
  readonly to: string;
  readonly subject: string;
  readonly html: string;
  readonly text: string;
  readonly unsubscribeUrl: string | undefined;
}

export interface Smtp {
  /** @throws MailBounced, MailRefused, MailDeferred */
  send(mail: OutgoingMail): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 20_000;
/** The whole transaction; a claim on a mail lasts longer. */
const SEND_TIMEOUT_MS = 60_000;
const CHECK_TIMEOUT_MS = 3_000;
const MAX_CONNECTIONS = 3;
const MAX_MAILS_PER_CONNECTION = 100;

/** Opens a pool of connections to the mail server, which are established on demand. */
export function openSmtp(runtime: Runtime, settings: SmtpSettings): Smtp {
  const { host, port, secure, user, password, from } = settings;
  const transport = createTransport({
    pool: true,
    host,
    port,
    secure,
    // Passwords are never sent unencrypted.
    requireTLS: user !== undefined && !secure,
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: IDLE_TIMEOUT_MS,
    maxConnections: MAX_CONNECTIONS,
    maxMessages: MAX_MAILS_PER_CONNECTION,
    // The mail may have been accepted when a connection ends after the last byte: only the claim decides on a retry.
    maxRequeues: 0,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = /@([A-Za-z0-9.-]+)>?$/.exec(from)?.[1];
  if (domain === undefined) throw new Error('MAIL_FROM must be like "Rookery <no-reply@example.com>"');
  // The library sends words of strangers that look like encoded words as they are, and readers decode them.
  transport.use('stream', ({ data, message }, done) => {
    const encode = message.encodeHeaderValue.bind(message);
    message.encodeHeaderValue = (key, value) => {
      if (key === 'To' && isRecipient(data.to)) return data.to.address;
      return key === 'Subject' ? encodeSubject(String(value)) : encode(key, value);
    };
    done();
  });
  runtime.onClose('SMTP', async () => transport.close());
  runtime.dependency({
    name: 'smtp',
    required: false,
    check: async () => {
      await withTimeout(transport.verify(), CHECK_TIMEOUT_MS, 'connecting to the mail server');
      return undefined;
    },
  });
  return {
    async send(mail) {
      const sending = transport.sendMail({
        from,
        to: { name: '', address: mail.to },
        subject: mail.subject,
        html: mail.html,
        text: mail.text,
        messageId: `<${mail.id}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated', ...unsubscribeHeaders(mail.unsubscribeUrl) },
      });
      try {
        await withTimeout(sending, SEND_TIMEOUT_MS, 'sending a mail');
      } catch (failure) {
        throw classifyFailure(failure);
      }
    },
  };
}

const isRecipient = (to: unknown): to is { address: string } =>
  typeof to === 'object' && to !== null && 'address' in to;

/** RFC 2369, and RFC 8058 for one-click unsubscription. */
const unsubscribeHeaders = (url: string | undefined): Record<string, string> =>
  url === undefined
    ? {}
    : { 'List-Unsubscribe': `<${url}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' };
