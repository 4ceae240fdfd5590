/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import { htmlPage } from '#kit/http/html/page';

/** Asks for confirmation: mail scanners follow links, which must not unsubscribe the recipient. */
export const confirmationPage = () =>
  htmlPage({
    title: 'Unsubscribe',
    body: (
      <Card heading="Unsubscribe?">
        <p>You will no longer receive this kind of mail from Rookery.</p>
        <form method="post">
          <div class="actions">
            <button type="submit" class="primary">
              Unsubscribe
            </button>
          </div>
        </form>
      </Card>
    ),
  });

export const unsubscribedPage = () =>
  htmlPage({
    title: 'You have been unsubscribed',
    body: (
      <Card heading="You have been unsubscribed">
        <p>You will no longer receive this kind of mail from Rookery.</p>
      </Card>
    ),
  });
