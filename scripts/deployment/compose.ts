import processesOf from '../server-users/processes.json';
import { type Deployed, databaseOwner, prefixOf, sourceOf } from './processes';
import { OWN_SECRETS } from './secrets';

/** They share one table, so that one of them may fail without an outage. */
export const REGISTRY_REPLICAS = 2;

const yaml = (value: object) => Bun.YAML.stringify(value, null, 2);

/** Compose substitutes the values of `deploy/production.env`, and refuses to start when one is missing. */
const required = (name: string) => `\${${name}:?set it in deploy/production.env}`;

/** Defaults of the deployment, where they differ from those of the processes. */
const DEFAULTS: Readonly<Record<string, string>> = {
  REGISTRY_URL: 'http://registry:8006',
  // The ranges of Docker's networks.
  REGISTRY_ALLOWED_HOSTS: '172.16.0.0/12,192.168.0.0/16,10.0.0.0/8',
  // Prometheus is in one of them. The gateway, whose clients may be as well, takes METRICS_TOKEN only.
  METRICS_ALLOWED: '127.0.0.0/8,172.16.0.0/12,192.168.0.0/16,10.0.0.0/8',
  // Required for more than one replica of the registry.
  REGISTRY_REDIS_URL: 'redis://redis:6379',
  // Requests per minute of one user or address: in total, and for routes that cost a password hash or a mail.
  RATE_LIMIT_PER_MINUTE: '1200',
  RATE_LIMIT_SIGN_IN_PER_MINUTE: '600',
  RATE_LIMIT_REGISTRATION_PER_MINUTE: '10',
  RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: '20',
  DB_HOST: 'mariadb',
  DB_PORT: '3306',
  REDIS_URL: 'redis://redis:6379',
  AMQP_URL: 'amqp://rabbitmq:5672',
  BEANSTALKD_HOST: 'beanstalkd',
  BEANSTALKD_PORT: '11300',
  DYNAMODB_URL: 'http://dynamodb:8000',
  SMTP_HOST: 'mailcatcher',
  SMTP_PORT: '1025',
  S3_ENDPOINT: 'http://minio:9000',
  S3_ACCESS_KEY_ID: 'rookeryfiles',
};

const REQUIRED = new Set([
  ...['SERVICE_KEYS', 'REGISTRY_TOKEN', 'PUBLIC_URL', 'ADMIN_PASSWORD'],
  ...['REGISTRY_REDIS_PASSWORD', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'S3_SECRET_ACCESS_KEY'],
]);

/** Every variable of a process, from the variable of the same name; those of its database and issuer have defaults. */
function substitution(variable: string, owner: string | undefined): string {
  if (REQUIRED.has(variable)) return required(variable);
  switch (variable) {
    case 'JWT_ISSUER':
      return `\${JWT_ISSUER:-\${PUBLIC_URL}}`;
    case 'DB_USER':
      return `\${${owner}_DB_USER:-\${DB_USER:-rookery_${owner?.toLowerCase()}}}`;
    case 'DB_PASSWORD':
      return `\${${owner}_DB_PASSWORD:-${required('DB_PASSWORD')}}`;
    default:
      return `\${${variable}:-${DEFAULTS[variable] ?? ''}}`;
  }
}

/** The secrets of a process, and its users at the servers, are its own. */
function substitutionFor(process: Deployed, variable: string): string {
  const source = sourceOf(process, variable);
  switch (variable) {
    case 'INTERNAL_SECRET':
      // An older deployment has one for all, which its data is encrypted with.
      return `\${${source}:-${required(variable)}}`;
    case 'AMQP_USER':
    case 'REDIS_USER':
      return `\${${prefixOf(process)}_${variable}:-${process.name}}`;
    case 'REGISTRY_REDIS_USER':
      return `\${${variable}:-${process.name}}`;
    default:
      return OWN_SECRETS.includes(variable)
        ? required(source)
        : substitution(variable, databaseOwner(process));
  }
}

export function composeFile(processes: readonly Deployed[]): string {
  const common = yaml({ name: 'rookery', 'x-process': COMPOSE_PROCESS }).replace(
    'x-process:',
    'x-process: &process',
  );
  const owners = processes.flatMap((process) => databaseOwner(process) ?? []);
  const services = [
    migration(owners),
    ...processes.map((process) => serviceOf(process)),
    ...USERS.map(userFile),
    ...serverSecrets(owners),
  ];
  const volumes = USERS.map(({ server }) => `${server}-users: {}`).join(', ');
  return [common, 'services:', ...services, `volumes: { ${volumes} }`].join('\n');
}

function serviceOf(process: Deployed): string {
  const { name, folder, port } = process;
  const owner = databaseOwner(process);
  const environment = process.variables.map((variable) => [variable, substitutionFor(process, variable)]);
  const lines = [
    `${name}:`,
    '  <<: *process',
    `  command: [${folder}]`,
    ...(owner === undefined
      ? []
      : ['  depends_on: { migrate: { condition: service_completed_successfully } }']),
    ...(name === 'registry' ? [`  deploy: { replicas: ${REGISTRY_REPLICAS} }`] : []),
    ...(name === 'gateway' ? GATEWAY_LINES : []),
    '  environment:',
    `    PORT: "${port}"`,
    ...environment.map(([variable, value]) => `    ${variable}: "${value}"`),
  ];
  return indented(lines);
}

/** The files of INTERNAL_TLS_CERT=/internal-certificates/…, INTERNAL_TLS_KEY and INTERNAL_TLS_CA. */
const INTERNAL_CERTIFICATES = `\${INTERNAL_CERTIFICATES:-./internal-certificates}:/internal-certificates:ro`;

/** The certificate and its key, for TLS_CERT=/certificates/… and TLS_KEY. */
const GATEWAY_LINES = [
  `  ports: ["\${GATEWAY_PORT:-8080}:8080"]`,
  '  volumes:',
  `    - "\${CERTIFICATES:-./certificates}:/certificates:ro"`,
  `    - "${INTERNAL_CERTIFICATES}"`,
];

/** Migrates all databases before the services start, with the credentials of each. */
function migration(owners: readonly string[]): string {
  const credentials = owners.flatMap((owner) => [
    `    ${owner}_DB_NAME: "\${${owner}_DB_NAME:-}"`,
    `    ${owner}_DATABASE_URL: "\${${owner}_DATABASE_URL:-}"`,
    `    ${owner}_DB_USER: "${substitution('DB_USER', owner)}"`,
    `    ${owner}_DB_PASSWORD: "${substitution('DB_PASSWORD', owner)}"`,
  ]);
  return indented([
    'migrate:',
    '  <<: *process',
    '  command: [migrate]',
    '  restart: on-failure',
    '  healthcheck: { disable: true }',
    '  environment:',
    `    DB_HOST: "${substitution('DB_HOST', undefined)}"`,
    `    DB_PORT: "${substitution('DB_PORT', undefined)}"`,
    ...credentials,
  ]);
}

/** Servers whose users are the processes: each reads them, at its start, from a file that a program of the image writes. */
const USERS = [
  { server: 'rabbitmq', password: 'AMQP_PASSWORD', file: 'definitions.json' },
  { server: 'redis', password: 'REDIS_PASSWORD', file: 'users.acl' },
] as const;
type UserFile = (typeof USERS)[number];

/** Runs at every start, so that a changed password takes effect. */
function userFile({ server, password, file }: UserFile): string {
  const processes = processesOf[server].map((name) => `${prefixOf({ name })}_${password}`);
  return indented([
    `${server}-users:`,
    '  <<: *process',
    `  command: [scripts/server-users, ${server}, /server-users/${file}]`,
    '  restart: on-failure',
    '  healthcheck: { disable: true }',
    '  network_mode: none',
    `  volumes: ["${server}-users:/server-users"]`,
    '  environment:',
    ...[password, ...processes].map((name) => `    ${name}: "${required(name)}"`),
    ...(server === 'redis' ? [`    REGISTRY_GROUP: "${substitution('REGISTRY_GROUP', undefined)}"`] : []),
  ]);
}

/** Restarted when a password has changed, because it reads the file at its start only. */
const afterUsers = (server: UserFile['server']) => [
  '  depends_on:',
  `    ${server}-users: { condition: service_completed_successfully, restart: true }`,
];

/** The servers of compose.infra.yml have development secrets where none is set: not here. */
function serverSecrets(owners: readonly string[]): string[] {
  const databases = owners.map(
    (owner) => `    ${owner}_DB_PASSWORD: "${substitution('DB_PASSWORD', owner)}"`,
  );
  return [
    indented([
      'mariadb:',
      '  environment:',
      `    MARIADB_ROOT_PASSWORD: "${required('MARIADB_ROOT_PASSWORD')}"`,
      '    DB_PASSWORD: ""',
      ...databases,
    ]),
    indented([
      'redis:',
      ...afterUsers('redis'),
      `  volumes: ["redis-users:/server-users:ro"]`,
      '  environment:',
      `    REDIS_PASSWORD: "${required('REDIS_PASSWORD')}"`,
    ]),
    indented([
      'rabbitmq:',
      ...afterUsers('rabbitmq'),
      '  volumes:',
      '    - rabbitmq-users:/server-users:ro',
      '    - ./rabbitmq.conf:/etc/rabbitmq/conf.d/90-users.conf:ro',
      '  environment:',
      `    RABBITMQ_DEFAULT_PASS: "${required('AMQP_PASSWORD')}"`,
    ]),
    indented(['minio:', '  environment:', `    MINIO_ROOT_PASSWORD: "${required('S3_SECRET_ACCESS_KEY')}"`]),
  ];
}

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`).join('\n');

const COMPOSE_PROCESS = {
  image: `\${ROOKERY_IMAGE:-rookery:local}`,
  build: { context: '..', dockerfile: 'deploy/Dockerfile' },
  restart: 'unless-stopped',
  init: true,
  read_only: true,
  volumes: [INTERNAL_CERTIFICATES],
  // What is no variable of Rookery, like OTEL_EXPORTER_OTLP_HEADERS.
  env_file: [{ path: `\${PROCESS_ENV_FILE:-./process.env}`, required: false }],
  // Containers are stateless; the folder holds data that may be lost with one.
  tmpfs: ['/tmp', '/app/.data:uid=1000,gid=1000'],
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  pids_limit: 200,
  mem_limit: '512m',
  cpus: 1,
  // Longer than a drain (10 s) and requests in flight may take (SHUTDOWN_TIMEOUT_MS).
  stop_grace_period: '35s',
  logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
};
