/** @jsxImportSource preact */
import type { ComponentChildren } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { STYLE, STYLE_SOURCE } from './style';

/** A page for browsers. */
export interface Page {
  /** Its heading's text, first in the browser's title. */
  readonly title: string;
  readonly body: ComponentChildren;
  /** 200 by default. */
  readonly status?: number;
  /** For a page of several cards. */
  readonly wide?: boolean;
  /** At the right of the head: who is signed in. */
  readonly aside?: ComponentChildren;
  /**
   * CSP sources that a form of the page may lead to besides this origin, also by the redirects that follow it: `https://app.example`,
   * `app.custom-scheme:`.
   */
  readonly formAction?: readonly string[];
  /** The path of its script on this origin, loaded as a module. Pages without one have no JavaScript at all. */
  readonly script?: string;
  /** A path of this origin to go on to by itself. Unlike a redirect it is not held to the `form-action` of the page before. */
  readonly continueTo?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly string[];
}

/**
 * Renders a page in the one look. Everything in it is escaped, nothing is loaded from anywhere, no cache keeps it, no other
 * page may frame it, and it tells no other page its address.
 */
export function htmlPage(page: Page): Response {
  const { headers, html } = renderPage(page);
  const response = new Response(html, { status: page.status ?? 200, headers });
  for (const cookie of page.cookies ?? []) response.headers.append('set-cookie', cookie);
  return response;
}

/** The parts of a page, for a server that writes its responses itself. Without cookies. */
export const renderPage = (page: Page): { headers: Readonly<Record<string, string>>; html: string } => ({
  headers: {
    ...page.headers,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policyOf(page),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cache-control': 'no-store',
  },
  html: `<!doctype html>${renderToString(<Document {...page} />)}`,
});

const policyOf = ({ formAction = [], script }: Page): string =>
  [
    "default-src 'none'",
    'img-src data:',
    `style-src ${STYLE_SOURCE}`,
    ...(script === undefined ? [] : ["script-src 'self'", "connect-src 'self'"]),
    ["form-action 'self'", ...formAction].join(' '),
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

const Document = ({ title, body, wide = false, aside, script, continueTo }: Page) => (
  <html lang="en" class={wide ? 'wide' : undefined}>
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      {continueTo !== undefined && <meta http-equiv="refresh" content={`0;url=${continueTo}`} />}
      <title>{`${title} – Rookery`}</title>
      <link rel="icon" href="data:," />
      <style>{STYLE}</style>
      {script !== undefined && <script type="module" src={script} />}
    </head>
    <body>
      <header>
        <a class="brand" href="/auth/account">
          <span class="mark" aria-hidden="true" />
          Rookery
        </a>
        {aside}
      </header>
      <main>{body}</main>
      <footer />
    </body>
  </html>
);
