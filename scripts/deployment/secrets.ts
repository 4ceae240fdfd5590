/**
 * Secrets that are one process's alone. The deployment holds each under a name that begins with that of the process, like
 * `USERS_SERVICE_KEY`.
 */
export const OWN_SECRETS: readonly string[] = [
  ...['SERVICE_KEY', 'INTERNAL_SECRET', 'REGISTRY_CREDENTIAL', 'AMQP_PASSWORD', 'REDIS_PASSWORD'],
];

/**
 * Secrets that processes must agree on: the keys of one bucket of files, the token of Prometheus, the key of one source of
 * flags, and with HS256 the secret of all verifiers. All others are for one process.
 */
export const AGREED_SECRETS: ReadonlySet<string> = new Set([
  ...['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY', 'METRICS_TOKEN', 'GROWTHBOOK_CLIENT_KEY', 'JWT_SECRET'],
]);

/** Variables that hold a secret, besides the passwords of services' databases. */
const SECRETS = new Set([
  ...OWN_SECRETS,
  ...AGREED_SECRETS,
  ...['REGISTRY_TOKEN', 'DB_PASSWORD', 'ADMIN_PASSWORD'],
  ...['REGISTRY_REDIS_PASSWORD', 'SMTP_PASSWORD'],
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  ...['STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET'],
  // With the secrets of this client at each.
  'SIGN_IN_PROVIDERS',
]);

export const isSecret = (variable: string): boolean =>
  SECRETS.has(variable) || variable.endsWith('_DATABASE_URL');
