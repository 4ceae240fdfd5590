import { createTransport } from 'nodemailer';
import { type Runtime, withTimeout } from '#kit/core/runtime';

export interface SmtpSettings {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte on. Without it STARTTLS is used where the server offers it. */
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** `Name <address>` or an address. */
  readonly from: string;
}

export interface OutgoingMail {
  /** Makes the `Message-ID`, the same at every attempt: a receiver that gets it twice can tell. */
  readonly id: string;
  readonly to: { readonly address: string; readonly name: string };
  readonly subject: string;
  readonly html: string;
  readonly text: string;
  readonly unsubscribeUrl: string | undefined;
}

export interface Smtp {
  /** @throws MailRefused when the server will not take it, MailDeferred when it may later */
  send(mail: OutgoingMail): Promise<void>;
}

/** For good. The message holds codes only: servers repeat addresses in their texts. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused';
}

/** It was not taken now; trying again may help. */
export class MailDeferred extends Error {
  override readonly name = 'MailDeferred';
}

const CONNECT_TIMEOUT_MS = 10_000;
const SILENCE_TIMEOUT_MS = 20_000;
/** All of it; a claim on a mail lasts longer. */
const SEND_TIMEOUT_MS = 60_000;
const CHECK_TIMEOUT_MS = 3_000;
const MAIL_CONNECTIONS = 3;
const MAILS_OF_A_CONNECTION = 100;

/** Opens a pool of connections to the mail server, each made when it is first needed. */
export function openSmtp(runtime: Runtime, settings: SmtpSettings): Smtp {
  const { host, port, secure, user, password, from } = settings;
  const transport = createTransport({
    pool: true,
    host,
    port,
    secure,
    // A password never goes over an open line.
    requireTLS: user !== undefined && !secure,
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    maxConnections: MAIL_CONNECTIONS,
    maxMessages: MAILS_OF_A_CONNECTION,
    // A connection that ends after the last byte may have delivered: only the claim decides about another attempt.
    maxRequeues: 0,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = /@([A-Za-z0-9.-]+)>?$/.exec(from)?.[1];
  if (domain === undefined) throw new Error('MAIL_FROM must be like "Rookery <no-reply@example.com>"');
  runtime.onClose('SMTP', async () => transport.close());
  runtime.dependency({
    name: 'smtp',
    required: false,
    check: async () => {
      await withTimeout(transport.verify(), CHECK_TIMEOUT_MS, 'greeting the mail server');
      return undefined;
    },
  });
  return {
    async send(mail) {
      const sending = transport.sendMail({
        from,
        to: { ...mail.to },
        subject: mail.subject,
        html: mail.html,
        text: mail.text,
        messageId: `<${mail.id}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated', ...unsubscribeHeaders(mail.unsubscribeUrl) },
      });
      try {
        await withTimeout(sending, SEND_TIMEOUT_MS, 'sending a mail');
      } catch (failure) {
        throw meaningOf(failure);
      }
    },
  };
}

/** RFC 2369, and RFC 8058 for one click. */
const unsubscribeHeaders = (url: string | undefined): Record<string, string> =>
  url === undefined
    ? {}
    : { 'List-Unsubscribe': `<${url}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' };

/** The steps at which a server judges the mail, and not the connection or the sender's password. */
const ABOUT_THE_MAIL = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);
/** RFC 4954: authentication or encryption is wanted first. Another configuration, not another mail, will help. */
const ABOUT_THE_SENDER = new Set([530, 534, 535, 538]);

/** RFC 5321, section 4.2.1: what begins with 5 is refused for good, what begins with 4 may be tried again. */
export function meaningOf(failure: unknown): MailRefused | MailDeferred {
  const { code, command, responseCode, response } = fieldsOf(failure);
  const status = /^[245]\.\d{1,3}\.\d{1,3}\b/.exec(response.slice(4))?.[0];
  const answer = responseCode === undefined ? code : [responseCode, status].filter(Boolean).join(' ');
  const refused =
    responseCode === undefined
      ? // The library itself does not take the addresses or the text.
        code === 'EENVELOPE' || code === 'EMESSAGE'
      : responseCode >= 500 && ABOUT_THE_MAIL.has(command) && !ABOUT_THE_SENDER.has(responseCode);
  return refused
    ? new MailRefused(`the mail server refused it with ${answer}`)
    : new MailDeferred(`the mail server could not take it: ${answer}`);
}

function fieldsOf(failure: unknown) {
  const fields = new Map<string, unknown>(failure instanceof Error ? Object.entries(failure) : []);
  const textOf = (name: string) => {
    const value = fields.get(name);
    return typeof value === 'string' ? value : '';
  };
  const responseCode = fields.get('responseCode');
  return {
    code: textOf('code') || 'no answer',
    command: textOf('command'),
    response: textOf('response'),
    responseCode: typeof responseCode === 'number' ? responseCode : undefined,
  };
}
