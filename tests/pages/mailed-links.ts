import { eventually } from '../support/eventually';
import { mailsTo } from '../support/inbox';
import type { System } from '../support/system';

/**
 * The path of the newest link to a page in the mails to an address. Its host is of `PUBLIC_URL`, which the systems of tests do
 * not have.
 *
 * @param page the path of the page, without its query
 */
export const mailedPath = (system: Pick<System, 'stack'>, address: string, page: string): Promise<string> =>
  eventually(async () => {
    const links = (await mailsTo(system, address)).flatMap(
      ({ text }) => text.match(/https?:\/\/[\w./:?=&%-]+/g) ?? [],
    );
    const link = links.map((one) => new URL(one)).findLast(({ pathname }) => pathname === page);
    if (link === undefined) throw new Error(`No mail to ${address} links to ${page}`);
    return `${link.pathname}${link.search}`;
  });
