import type { Invoice } from './model';

/** An invoice as a printable HTML page. All texts are escaped. */
export function invoicePage(invoice: Invoice): Response {
  return new Response(documentOf(invoice), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'private, no-store',
    },
  });
}

const documentOf = (invoice: Invoice): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Invoice ${Bun.escapeHTML(invoice.number)} – Rookery</title>
<style>
  :root { color-scheme: light; --ink: #1d2a26; --quiet: #5d6b66; --rule: #d9e0dd; --accent: #2f5d50 }
  * { box-sizing: border-box }
  body { margin: 0; background: #f3f5f4; color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
  main { max-width: 46rem; margin: 3rem auto; padding: 3rem; background: #fff; border-radius: .5rem; box-shadow: 0 1px 3px #0002 }
  header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: 1rem }
  h1 { margin: 0; font-size: 1.75rem; letter-spacing: -.01em }
  .issuer { font-weight: 700; color: var(--accent) }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; margin: 2rem 0 }
  dt { color: var(--quiet) }
  dd { margin: 0; overflow-wrap: anywhere }
  table { width: 100%; border-collapse: collapse }
  th { padding: .5rem 0; border-bottom: 2px solid var(--ink); text-align: left; font-weight: 600 }
  td { padding: .6rem 1rem .6rem 0; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; vertical-align: top }
  tfoot td { border: 0; font-size: 1.2rem; font-weight: 700 }
  .amount { padding-right: 0; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
  .status { padding: .15rem .7rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .9rem }
  .paid { color: var(--accent) }
  .open { color: #9a5b00 }
  @page { margin: 2cm }
  @media print {
    body { background: none }
    main { max-width: none; margin: 0; padding: 0; box-shadow: none }
    tr { break-inside: avoid }
  }
</style>
<main>
  <header>
    <h1>Invoice ${Bun.escapeHTML(invoice.number)}</h1>
    <span class="issuer">Rookery</span>
  </header>
  <dl>
    <dt>Date</dt><dd>${day(invoice.created_at)}</dd>
    <dt>Status</dt><dd><span class="status ${invoice.status}">${statusOf(invoice)}</span></dd>
    <dt>Billed to</dt><dd>${Bun.escapeHTML(invoice.user_id ?? 'Deleted account')}</dd>
  </dl>
  <table>
    <thead><tr><th scope="col">Description</th><th scope="col" class="amount">Amount</th></tr></thead>
    <tbody>
${invoice.lines.map((line) => rowOf(line.description, money(line.amount, invoice.currency))).join('\n')}
    </tbody>
    <tfoot>
${rowOf('Total', money(invoice.amount, invoice.currency))}
    </tfoot>
  </table>
</main>
</html>
`;

const rowOf = (description: string, amount: string): string =>
  `      <tr><td>${Bun.escapeHTML(description)}</td><td class="amount">${Bun.escapeHTML(amount)}</td></tr>`;

const statusOf = ({ paid_at }: Invoice): string => (paid_at === null ? 'Open' : `Paid on ${day(paid_at)}`);

/** Exact beyond the precision of a JavaScript number: the formatter parses decimal strings. */
const money = (amount: string, currency: string): string =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).format(amount as Intl.StringNumericLiteral);

const dayFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const day = (timestamp: string): string => dayFormat.format(new Date(timestamp));
