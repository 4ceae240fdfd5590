import { escapeHTML } from 'bun';

/**
 * A page of a link in a mail: one plain look, no JavaScript, nothing loaded from anywhere, and no form to another site.
 *
 * @param heading plain text, also the title
 * @param body HTML below the heading; what is not ours must be escaped
 */
export const plainPage = (heading: string, body: string, status = 200): Response =>
  new Response(
    `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHTML(heading)} – Rookery</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 30rem; margin: 15vh auto; padding: 0 1rem; text-align: center }
  button { font: inherit; padding: .6em 1.4em; border: 0; border-radius: .4em; background: #2f5d50; color: #fff; cursor: pointer }
</style>
<h1>${escapeHTML(heading)}</h1>
${body}
</html>
`,
    {
      status,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy':
          "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      },
    },
  );
