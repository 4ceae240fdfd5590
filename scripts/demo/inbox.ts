import { withoutTrailingSlashes } from '#kit/config/urls';
import { field } from '../api';
import { listOf, show, type Visitor, WAIT_MS, waitFor } from './steps';

/** Likes are sent as a digest: the mail follows after a delay that collects further likes. */
const MAIL_WAIT_MS = 90_000;

/**
 * Waits for a mail and prints it. The mail catcher receives every mail of a development system and lists it (maildev's
 * `GET /email`).
 *
 * @returns its text
 */
export async function receiveMail(
  inbox: string,
  receiver: Visitor,
  what: string,
  word: string,
): Promise<string> {
  const address = `${receiver.username}@example.com`;
  const url = `${withoutTrailingSlashes(inbox)}/email`;
  let received: unknown;
  await waitFor(`Mail to ${address} at ${url}`, MAIL_WAIT_MS, async () => {
    const mails: unknown = await (await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) })).json();
    received = listOf(mails).find((mail) => isTo(mail, address) && contains(mail, word));
    return received !== undefined;
  });
  show(`${receiver.username} ${what} by mail`, `curl ${url}`, `“${field(received, 'subject')}”`);
  return String(field(received, 'text'));
}

const isTo = (mail: unknown, address: string) =>
  listOf(field(mail, 'to')).some((receiver) => field(receiver, 'address') === address);
const contains = (mail: unknown, word: string) =>
  ['subject', 'text'].some((part) => String(field(mail, part)).includes(word));
