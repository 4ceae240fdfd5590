/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import { htmlPage } from '#kit/http/html/page';

/** Asks for confirmation: mail scanners follow links, which must not verify an address. */
export const confirmationPage = (token: string) =>
  htmlPage({
    title: 'Confirm your email address',
    body: (
      <Card heading="Confirm your email address?">
        <p>Confirm only if you have entered this address on Rookery yourself.</p>
        <p class="quiet">
          If you have not, close this page: the address stays unconfirmed, and no other mail is sent to it.
        </p>
        <form method="post" action="verification">
          <input type="hidden" name="token" value={token} />
          <div class="actions">
            <button type="submit" class="primary">
              Confirm
            </button>
          </div>
        </form>
      </Card>
    ),
  });

export const confirmedPage = () =>
  htmlPage({
    title: 'Your email address is confirmed',
    body: (
      <Card heading="Your email address is confirmed">
        <p>You can close this page.</p>
        <Links />
      </Card>
    ),
  });

export const invalidPage = () =>
  htmlPage({
    title: 'This link cannot be used',
    status: 410,
    body: (
      <Card heading="This link cannot be used">
        <p>It has been used, it has expired, or the address was changed.</p>
        <p class="quiet">If your address is not confirmed, sign in and ask for another mail.</p>
        <Links />
      </Card>
    ),
  });

export const takenPage = () =>
  htmlPage({
    title: 'This address belongs to another account',
    status: 409,
    body: (
      <Card heading="This address belongs to another account">
        <p>Sign in to that account, or use another address.</p>
        <Links />
      </Card>
    ),
  });

const Links = () => (
  <div class="links">
    <a href="/auth/account">Your account</a>
  </div>
);
