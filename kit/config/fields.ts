import {
  choice,
  type Environment,
  flag,
  fraction,
  integer,
  optionalFlag,
  optionalText,
  port,
  requiredInProduction,
  text,
} from './environment';
import { addressesOf, hosts, type ServerAddress } from './hosts';
import { paymentProvider, stripeApiUrl, stripeSecretKey } from './payment-provider';
import { addressList, LOOPBACK_RANGES } from './ranges';
import { redisUrl } from './redis-url';
import { accessKey, optionalSecret, optionalToken, registryToken, secret, tokenSecret } from './secrets';
import { serviceKey, serviceKeys } from './service-keys';
import { optionalUrl, serverUrls, url, urls } from './urls';

/** Variables of the OpenTelemetry SDK specification. Tracing is off unless the endpoint is set. */
const traceFields = {
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalUrl(),
  OTEL_SERVICE_NAME: optionalText(),
  OTEL_TRACES_SAMPLER: choice(
    ['parentbased_always_on', 'parentbased_traceidratio', 'parentbased_always_off'],
    'parentbased_always_on',
  ),
  OTEL_TRACES_SAMPLER_ARG: fraction(1),
};

/** Variables of every process. Development defaults point at the local stack on loopback. */
export const processFields = (defaultPort: number) => ({
  NODE_ENV: choice(['development', 'test', 'production'], 'development'),
  HOST: text('127.0.0.1'),
  PORT: port(defaultPort),
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info'),
  REGISTRY_URL: urls('http://127.0.0.1:8006'),
  /** Who may read `/metrics`: from these addresses, or with this token from everywhere. */
  METRICS_ALLOWED: addressList(LOOPBACK_RANGES),
  METRICS_TOKEN: optionalToken(),
  ...traceFields,
});

/** The secret of a process that encrypts or signs what only it reads: not shared with any other. */
export const secretFields = { INTERNAL_SECRET: secret('development-internal-secret') };

/** The key of a process that calls others or is called, and the public ones of all. */
export const identityFields = {
  IDENTITY_FILE: optionalText(),
  SERVICE_KEY: serviceKey(),
  SERVICE_KEYS: serviceKeys(),
  ACCEPT_UNSIGNED_MESSAGES: flag(false),
};

/** TLS between processes: its certificate, key and authority; all three or none. */
export const internalTlsFields = {
  INTERNAL_TLS_CERT: optionalText(),
  INTERNAL_TLS_KEY: optionalText(),
  INTERNAL_TLS_CA: optionalText(),
};

/** What a process registers with, or acknowledges drains: its credential, or the token that it can be derived from. */
export const registrationFields = {
  REGISTRY_CREDENTIAL: optionalToken(),
  REGISTRY_TOKEN: registryToken((read) => read('REGISTRY_CREDENTIAL') === undefined),
};

/** Variables of a service, which also registers, serves gRPC, consumes events and verifies access tokens. */
export const serviceFields = (defaultPort: number) => ({
  ...processFields(defaultPort),
  ...identityFields,
  ...internalTlsFields,
  ...registrationFields,
  ...amqpFields,
  ...tokenFields,
  ADVERTISED_HOST: optionalText(),
  SHUTDOWN_TIMEOUT_MS: integer(15_000, { min: 100, max: 600_000 }),
});

/** Variables of a worker, which also calls services. */
export const workerFields = (defaultPort: number) => ({
  ...processFields(defaultPort),
  ...identityFields,
  ...internalTlsFields,
});

export const mysqlFields = {
  DB_HOST: hosts('127.0.0.1'),
  DB_PORT: port(13306),
  DB_USER: text('rookery'),
  DB_PASSWORD: secret('rookery-development'),
  DB_POOL_SIZE: integer(10, { min: 1, max: 200 }),
};

export const redisFields = {
  REDIS_URL: redisUrl('redis://127.0.0.1:16379', 'REDIS'),
};

/** One node of RabbitMQ, or several of a cluster. */
export const amqpFields = {
  AMQP_URL: serverUrls('amqp://guest:guest@127.0.0.1:15673', { prefix: 'AMQP', schemes: ['amqp', 'amqps'] }),
};

/** One beanstalkd, or several that share the jobs; `beanstalkdAddresses` reads them. */
export const beanstalkdFields = { BEANSTALKD_HOST: hosts('127.0.0.1'), BEANSTALKD_PORT: port(21300) };

/** The addresses of all beanstalkd servers, for `openBeanstalkd`. */
export const beanstalkdAddresses = (env: Environment<typeof beanstalkdFields>): readonly ServerAddress[] =>
  addressesOf(env.BEANSTALKD_HOST, env.BEANSTALKD_PORT);

export const dynamodbFields = {
  DYNAMODB_URL: url('http://127.0.0.1:18000'),
  AWS_REGION: text('us-east-1'),
  AWS_ACCESS_KEY_ID: accessKey('local'),
  AWS_SECRET_ACCESS_KEY: accessKey('local'),
};

/** Source of feature flags: GrowthBook when both of its variables are set, otherwise a file. */
export const flagFields = {
  GROWTHBOOK_API_HOST: optionalText(),
  GROWTHBOOK_CLIENT_KEY: optionalText(),
  GROWTHBOOK_CACHE_FILE: text('.data/growthbook-features.json'),
  FEATURES_FILE: text('features.json'),
  FEATURES_REFRESH_MS: integer(10_000, { min: 100, max: 3_600_000 }),
};

const s3Fields = {
  S3_ENDPOINT: optionalUrl(),
  S3_REGION: text('us-east-1'),
  S3_ACCESS_KEY_ID: optionalSecret('S3_ENDPOINT'),
  S3_SECRET_ACCESS_KEY: optionalSecret('S3_ENDPOINT'),
};

/** Storage of media files: an S3-compatible server when its endpoint is set, otherwise a folder. */
export const storageFields = {
  ...s3Fields,
  MEDIA_STORAGE: text('.data/media'),
  S3_BUCKET: text('rookery-media'),
};

/** Storage of archives, on the same server or the same kind of folder. */
export const archiveStorageFields = {
  ...s3Fields,
  ARCHIVES_STORAGE: text('.data/archives'),
  ARCHIVES_S3_BUCKET: text('rookery-archives'),
};

/** Open event streams of one process; `streamLimits` reads them. */
export const streamFields = {
  STREAMS_MAX: integer(1_000, { min: 1, max: 100_000 }),
  STREAMS_ANONYMOUS_MAX: integer(500, { min: 0, max: 100_000 }),
  STREAMS_PER_ADDRESS: integer(100, { min: 0, max: 100_000 }),
  STREAMS_PER_PERSON: integer(20, { min: 1, max: 100_000 }),
};

/** The limits of event streams, for `createEventStreams`. */
export const streamLimits = (env: Environment<typeof streamFields>) => ({
  maximum: env.STREAMS_MAX,
  anonymous: env.STREAMS_ANONYMOUS_MAX,
  perAddress: env.STREAMS_PER_ADDRESS,
  perPerson: env.STREAMS_PER_PERSON,
});

export const smtpFields = {
  SMTP_HOST: text('127.0.0.1'),
  SMTP_PORT: port(11025),
  SMTP_SECURE: flag(false),
  SMTP_USER: optionalSecret('SMTP_PASSWORD'),
  SMTP_PASSWORD: optionalSecret('SMTP_USER'),
};

/** The payment provider and, for its calls, the address and the key. Only the process that charges gets the key. */
export const paymentProviderFields = {
  PAYMENT_PROVIDER: paymentProvider(),
  STRIPE_SECRET_KEY: stripeSecretKey(),
  STRIPE_API_URL: stripeApiUrl(),
};

/** Access token settings; every verifier pins the first four. */
export const tokenFields = {
  JWT_ALG: choice(['EdDSA', 'ES256', 'RS256', 'HS256'], 'EdDSA'),
  JWT_SECRET: tokenSecret(),
  JWT_ISSUER: requiredInProduction(
    text('http://127.0.0.1:8080'),
    'the issuer of access tokens, the same for every process; usually the value of PUBLIC_URL',
  ),
  JWT_AUDIENCE: text('rookery'),
  OPERATORS_NEED_SECOND_FACTOR: optionalFlag(),
};
