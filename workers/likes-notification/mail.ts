import { createTransport } from 'nodemailer';
import { PermanentError } from '#kit/message-delivery';
import type { Runtime } from '#kit/runtime';
import { type PostDigest, whoLiked } from './digest';

export interface Mailer {
  /**
   * Sends one mail. Sending again with the same id makes a mail with the same `Message-ID`, which mailboxes recognise.
   *
   * @throws PermanentError when the mail server has refused it for good (5xx); another error when it may be tried again
   */
  send(mail: {
    id: string;
    to: { name: string; address: string };
    posts: readonly PostDigest[];
  }): Promise<void>;
}

const CONNECTIONS = 2;
const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 20_000;

/** One address and nothing that could begin another or another header. */
const ADDRESS = /^[^\s@<>()[\],;:"\\]{1,64}@[^\s@<>()[\],;:"\\]{1,189}$/;

/** Sends mail over a few connections that are kept open. */
export function openMailer(
  runtime: Runtime,
  env: { SMTP_HOST: string; SMTP_PORT: number; MAIL_FROM: string },
): Mailer {
  const domain = /@([A-Za-z0-9.-]+)/.exec(env.MAIL_FROM)?.[1] ?? 'localhost';
  const transport = createTransport({
    host: env.SMTP_HOST,
    port: env.SMTP_PORT,
    pool: true,
    maxConnections: CONNECTIONS,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: ANSWER_TIMEOUT_MS,
    // What people write never names a file or an address to be fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  runtime.onClose('mail', () => transport.close());

  return {
    async send({ id, to, posts }) {
      if (!ADDRESS.test(to.address)) throw new PermanentError('the address cannot be written to');
      try {
        await transport.sendMail({
          messageId: `<${id}@${domain}>`,
          from: env.MAIL_FROM,
          to: { name: oneLine(to.name), address: to.address },
          subject: oneLine(subjectOf(posts)),
          text: textOf(posts),
          html: htmlOf(posts),
        });
      } catch (failure) {
        const code = codeOf(failure);
        // The server's own words may hold the address.
        if (code >= 500) throw new PermanentError(`the mail server refused it for good (${code})`);
        throw new Error(
          `the mail server did not take it (${code > 0 ? code : 'no answer'}): is SMTP_HOST right, and is it up?`,
        );
      }
    },
  };
}

function subjectOf(posts: readonly PostDigest[]): string {
  const [only, another] = posts;
  return only !== undefined && another === undefined
    ? `${whoLiked(only)} liked your post`
    : `New likes of ${posts.length} of your posts`;
}

const textOf = (posts: readonly PostDigest[]): string =>
  `${posts.map((post) => `${whoLiked(post)} liked your post:\n\n  ${oneLine(post.excerpt)}`).join('\n\n')}\n`;

const htmlOf = (posts: readonly PostDigest[]): string =>
  posts
    .map(
      (post) =>
        `<p><strong>${Bun.escapeHTML(whoLiked(post))}</strong> liked your post:</p>` +
        `<blockquote>${Bun.escapeHTML(post.excerpt)}</blockquote>`,
    )
    .join('\n');

/** Control characters and line separators could end a header or pretend to be another line. */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();

function codeOf(failure: unknown): number {
  const code: unknown =
    failure instanceof Error && 'responseCode' in failure ? failure.responseCode : undefined;
  return typeof code === 'number' ? code : 0;
}
