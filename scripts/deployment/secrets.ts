/** Variables that hold a secret, besides the passwords of services' databases. */
const SECRETS = new Set([
  ...['SERVICE_KEY', 'REGISTRY_TOKEN', 'INTERNAL_SECRET', 'JWT_SECRET', 'DB_PASSWORD', 'ADMIN_PASSWORD'],
  ...['AMQP_PASSWORD', 'REDIS_PASSWORD', 'REGISTRY_REDIS_PASSWORD', 'SMTP_PASSWORD'],
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'],
  ...['GROWTHBOOK_CLIENT_KEY', 'METRICS_TOKEN', 'STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET'],
]);

export const isSecret = (variable: string): boolean =>
  SECRETS.has(variable) || variable.endsWith('_DATABASE_URL');
