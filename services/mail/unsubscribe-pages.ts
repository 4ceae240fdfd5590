/** Asks for confirmation: mail scanners follow links, which must not unsubscribe the recipient. */
export const confirmationPage = () =>
  page('Unsubscribe?', '<form method="post"><button>Unsubscribe</button></form>');

export const unsubscribedPage = () =>
  page('You have been unsubscribed', '<p>You will no longer receive this kind of mail from Rookery.</p>');

const page = (heading: string, body: string): Response =>
  new Response(
    `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${heading} – Rookery</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 30rem; margin: 15vh auto; padding: 0 1rem; text-align: center }
  button { font: inherit; padding: .6em 1.4em; border: 0; border-radius: .4em; background: #2f5d50; color: #fff; cursor: pointer }
</style>
<h1>${heading}</h1>
${body}
</html>
`,
    {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy':
          "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      },
    },
  );
