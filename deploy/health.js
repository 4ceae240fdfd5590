// Checks a path of the process in this container: bun health.js /readyz
const { PORT, TLS_CERT, INTERNAL_TLS_CERT } = process.env;
const check = (scheme) =>
  fetch(`${scheme}://127.0.0.1:${PORT}${process.argv[2] ?? '/health'}`, {
    // The certificate is for another name.
    tls: { rejectUnauthorized: false },
    signal: AbortSignal.timeout(4_000),
  });
// With TLS between processes only, the gateway's own port has none.
const response = await (TLS_CERT || INTERNAL_TLS_CERT
  ? check('https').catch(() => check('http'))
  : check('http'));
process.exit(response.ok ? 0 : 1);
