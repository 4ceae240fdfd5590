import { escapeHTML } from 'bun';
import { plainPage } from '#kit/http/html-page';

/** Asks for confirmation: mail scanners follow links, which must not verify an address. */
export const confirmationPage = (token: string) =>
  plainPage(
    'Confirm your email address?',
    `<p>Confirm only if you have entered this address on Rookery yourself. If you have not, close this page: the address
stays unconfirmed, and no other mail is sent to it.</p>
<form method="post" action="verification"><input type="hidden" name="token" value="${escapeHTML(token)}"><button>Confirm</button></form>`,
  );

export const confirmedPage = () =>
  plainPage('Your email address is confirmed', '<p>You can close this page.</p>');

export const invalidPage = () =>
  plainPage(
    'This link cannot be used',
    '<p>It has been used, it has expired, or the address was changed. If your address is not confirmed, sign in and ask for another mail.</p>',
    410,
  );

export const takenPage = () =>
  plainPage(
    'This address belongs to another account',
    '<p>Sign in to that account, or use another address.</p>',
    409,
  );
