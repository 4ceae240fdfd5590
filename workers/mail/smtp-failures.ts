/** The mail itself is refused permanently. The message holds codes only: servers repeat addresses in their texts. */
export class MailRefused extends Error {
  override readonly name: string = 'MailRefused';
}

/** The recipient is refused permanently: an answer about the address, not a failure. */
export class MailBounced extends MailRefused {
  override readonly name = 'MailBounced';
}

/** A retry may succeed: the failure is transient, or one of our settings must be repaired. */
export class MailDeferred extends Error {
  override readonly name = 'MailDeferred';
}

/** What a permanent failure is about. `sender`: our address, credentials or permission, not this mail. */
type Subject = 'recipient' | 'mail' | 'sender';

/**
 * RFC 5321, section 4.2.1: 5yz replies are permanent failures, 4yz replies are transient. What a permanent one is about
 * follows from its enhanced status code (RFC 3463, and the registry of RFC 5248), otherwise from the command and the code.
 */
export function classifyFailure(failure: unknown): MailBounced | MailRefused | MailDeferred {
  const reply = replyOf(failure);
  const { code, responseCode, status } = reply;
  const summary = responseCode === undefined ? code : [responseCode, status].filter(Boolean).join(' ');
  if (responseCode === undefined) {
    // The library itself refuses the address, or the text.
    if (code === 'EENVELOPE')
      return new MailBounced(`the mail server cannot be given the address: ${summary}`);
    if (code === 'EMESSAGE') return new MailRefused(`the mail server refused the mail: ${summary}`);
    return new MailDeferred(`the mail server deferred the mail: ${summary}`);
  }
  if (responseCode < 500 || !MAIL_COMMANDS.has(reply.command))
    return new MailDeferred(`the mail server deferred the mail: ${summary}`);
  switch (subjectOf(reply, responseCode)) {
    case 'recipient':
      return new MailBounced(`the mail server refused the recipient: ${summary}`);
    case 'mail':
      return new MailRefused(`the mail server refused the mail: ${summary}`);
    case 'sender':
      return new MailDeferred(`the mail server refuses to send for us: ${summary}`);
  }
}

/** The commands of a mail; others belong to the connection or the credentials. */
const MAIL_COMMANDS = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);
/** RFC 4954: authentication or encryption is required. */
const AUTHENTICATION_CODES = new Set([530, 534, 535, 538]);
/** Syntax errors and commands that are not implemented. */
const PROTOCOL_CODES = new Set([500, 501, 502, 503, 504]);
/** No such mailbox, moved, full, not allowed; hosts and domains that take no mail (RFC 7504). */
const RECIPIENT_CODES = new Set([521, 550, 551, 552, 553, 556]);

/**
 * The subjects and details of status codes. Those that are missing, such as 5.0.0 and 5.5.0, tell nothing: the basic code
 * decides, as it does for servers without them.
 */
const STATUS_SUBJECTS: readonly (readonly [codes: RegExp, subject: Subject])[] = [
  // Bad or unauthenticated address of the sender.
  [/^5\.1\.[789]$/, 'sender'],
  // Addressing: no such mailbox, no such domain, invalid, ambiguous, moved, null MX.
  [/^5\.1\./, 'recipient'],
  // Too large for this mailbox.
  [/^5\.2\.3$/, 'mail'],
  // Disabled, full, or a list that cannot be expanded.
  [/^5\.2\./, 'recipient'],
  // Too large for the system.
  [/^5\.3\.4$/, 'mail'],
  // The recipient's host cannot be reached.
  [/^5\.4\.[0-57]$/, 'recipient'],
  [/^5\.5\.[1-6]$/, 'sender'],
  // Addresses in other scripts are not possible there (RFC 6531).
  [/^5\.6\.7$/, 'recipient'],
  [/^5\.6\./, 'mail'],
  // The mailbox or the domain has another owner (RFC 7293).
  [/^5\.7\.1[78]$/, 'recipient'],
];

function subjectOf({ command, status, response }: Reply, responseCode: number): Subject {
  if (AUTHENTICATION_CODES.has(responseCode) || PROTOCOL_CODES.has(responseCode)) return 'sender';
  const isAboutContent = command === 'DATA';
  const listed = STATUS_SUBJECTS.find(([codes]) => status !== undefined && codes.test(status))?.[1];
  // Before a recipient is named, nothing can be about one.
  if (listed !== undefined) return listed === 'recipient' && command === 'MAIL FROM' ? 'sender' : listed;
  if (isAboutContent) return 'mail';
  // Policy: who may send, as there is no content yet.
  if (status?.startsWith('5.7.')) return 'sender';
  // RFC 1870: the declared size.
  if (command === 'MAIL FROM') return responseCode === 552 ? 'mail' : 'sender';
  // Exim refuses to relay without an enhanced status code.
  if (/\brelay/i.test(response)) return 'sender';
  return RECIPIENT_CODES.has(responseCode) ? 'recipient' : 'mail';
}

interface Reply {
  readonly code: string;
  readonly command: string;
  readonly response: string;
  readonly responseCode: number | undefined;
  /** Its enhanced status code. */
  readonly status: string | undefined;
}

function replyOf(failure: unknown): Reply {
  const fields = new Map<string, unknown>(failure instanceof Error ? Object.entries(failure) : []);
  const textOf = (name: string) => {
    const value = fields.get(name);
    return typeof value === 'string' ? value : '';
  };
  const responseCode = fields.get('responseCode');
  const response = textOf('response');
  return {
    code: textOf('code') || 'no answer',
    command: textOf('command'),
    response,
    responseCode: typeof responseCode === 'number' ? responseCode : undefined,
    status: /^[245]\.\d{1,3}\.\d{1,3}\b/.exec(response.slice(4))?.[0],
  };
}
