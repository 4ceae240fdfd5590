import { plainPage } from '#kit/http/html-page';

/** Asks for confirmation: mail scanners follow links, which must not unsubscribe the recipient. */
export const confirmationPage = () =>
  plainPage('Unsubscribe?', '<form method="post"><button>Unsubscribe</button></form>');

export const unsubscribedPage = () =>
  plainPage(
    'You have been unsubscribed',
    '<p>You will no longer receive this kind of mail from Rookery.</p>',
  );
