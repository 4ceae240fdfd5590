// Checks a path of the process in this container: bun health.js /readyz
const { PORT, TLS_CERT } = process.env;
const response = await fetch(
  `${TLS_CERT ? 'https' : 'http'}://127.0.0.1:${PORT}${process.argv[2] ?? '/health'}`,
  {
    // The certificate is for the public name.
    tls: { rejectUnauthorized: false },
    signal: AbortSignal.timeout(4_000),
  },
);
process.exit(response.ok ? 0 : 1);
