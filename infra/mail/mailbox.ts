import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import PostalMime, { type Address, type Email } from 'postal-mime';

/** The oldest mails are deleted beyond either. */
const MAX_MAILS = 2_000;
const MAX_BYTES = 32 * 1024 * 1024;

/** The mails of a folder, as the JSON texts that the inbox serves. */
export interface Mailbox {
  /** Stores a mail, and resolves when it can be read. */
  add(source: Buffer): Promise<void>;
  /** In the order they arrived. */
  list(): readonly string[];
  get(id: string): string | undefined;
  clear(): void;
}

/** Opens the mailbox of a folder, with the mails that are in it, one file each. */
export function openMailbox(folder: string): Mailbox {
  mkdirSync(folder, { recursive: true });
  const mails = new Map<string, string>();
  let bytes = 0;
  const fileOf = (id: string) => join(folder, `${id}.json`);

  function hold(id: string, text: string) {
    mails.set(id, text);
    bytes += text.length;
    for (const [oldest, { length }] of mails) {
      if (mails.size <= MAX_MAILS && bytes <= MAX_BYTES) break;
      mails.delete(oldest);
      bytes -= length;
      rmSync(fileOf(oldest), { force: true });
    }
  }

  // Ids begin with the time, so the names of files are in the order of arrival.
  const kept = readdirSync(folder).filter((name) => MAIL_FILE.test(name));
  for (const name of kept.sort()) hold(name.replace(/\.json$/, ''), readFileSync(join(folder, name), 'utf8'));

  return {
    async add(source) {
      const mail = await PostalMime.parse(source);
      const id = Bun.randomUUIDv7();
      const text = JSON.stringify(shownMail(id, mail));
      // Whole or not at all, also when the process is killed.
      writeFileSync(`${fileOf(id)}.new`, text);
      renameSync(`${fileOf(id)}.new`, fileOf(id));
      hold(id, text);
    },
    list: () => [...mails.values()],
    get: (id) => mails.get(id),
    clear() {
      for (const id of mails.keys()) rmSync(fileOf(id), { force: true });
      mails.clear();
      bytes = 0;
    },
  };
}

const MAIL_FILE = /^[0-9a-f-]{36}\.json$/;

/** The members that maildev names so. */
const shownMail = (id: string, mail: Email) => ({
  id,
  time: timeOf(id),
  subject: mail.subject ?? '',
  from: mailboxesOf(mail.from === undefined ? [] : [mail.from]),
  to: mailboxesOf(mail.to ?? []),
  text: mail.text ?? '',
  html: mail.html ?? '',
  headers: Object.fromEntries(mail.headers.map(({ key, value }) => [key, value])),
});

const mailboxesOf = (addresses: readonly Address[]): { address: string; name: string }[] =>
  addresses.flatMap((each) =>
    each.address === undefined ? mailboxesOf(each.group ?? []) : [{ address: each.address, name: each.name }],
  );

/** When a UUIDv7 was made: its first 48 bits are milliseconds (RFC 9562, section 5.7). */
const timeOf = (id: string): string =>
  new Date(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toISOString();
