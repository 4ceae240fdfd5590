/** A mail that the mail catcher has received (maildev's `GET /email`). */
export interface CaughtMail {
  readonly subject: string;
  readonly to: readonly { readonly address: string; readonly name: string }[];
  readonly text: string;
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 10_000;

/** The mails that a system has sent, to an address or to anybody, in the order they arrived. */
export async function mailsTo(
  { stack }: { stack: { environment: Readonly<Record<string, string>> } },
  address?: string,
): Promise<CaughtMail[]> {
  const url = `${stack.environment.MAIL_INBOX_URL}/email`;
  const mails = (await (
    await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  ).json()) as CaughtMail[];
  return mails.filter(({ to }) => address === undefined || to.some((one) => one.address === address));
}

/** The token of the verification link in a mail. @throws when there is none, or no mail */
export function verificationTokenIn(mail: CaughtMail | undefined): string {
  const token = /\/users\/email\/verification\?token=([\w-]+)/.exec(mail?.text ?? '')?.[1];
  if (token === undefined) throw new Error('The mail has no verification link');
  return token;
}
