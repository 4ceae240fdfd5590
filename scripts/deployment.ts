import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseProcfile } from './procfile';

const ROOT = join(import.meta.dir, '..');
const MADE_BY = '# Made from the Procfile by `make deployment`; change scripts/deployment.ts instead.\n';
/** Reached by clients and by the others under their name; everything else is found through the registry. */
const NAMED = new Set(['gateway', 'registry']);
/** They share their table, and one may go without anyone noticing. */
const REGISTRIES = 2;

interface Deployed {
  readonly name: string;
  /** Of its bundle, as `deploy/start.sh` takes it. */
  readonly folder: string;
  readonly port: number;
}

/**
 * What `deploy/` says of each process, made from the Procfile so that neither forgets one.
 *
 * @returns the text of each file, by its path from the project's root
 */
export function deploymentFiles(procfile: string): Record<string, string> {
  const processes = parseProcfile(procfile).flatMap(({ name, command }) => deployed(name, command));
  return {
    'deploy/compose.yml': `${MADE_BY}${compose(processes)}\n`,
    'deploy/kubernetes/processes.yaml': `${MADE_BY}${processes.flatMap(kubernetes).map(yaml).join('\n---\n')}\n`,
    'deploy/prometheus/workers.json': `[\n${workerTargets(processes).join(',\n')}\n]\n`,
  };
}

/** The servers of the local stack are not deployed. */
function deployed(name: string, command: string): Deployed[] {
  const [, folder] = /\bbun (\S+)\/main\.ts\b/.exec(command) ?? [];
  const [, port] = /\bPORT=(\d+)/.exec(command) ?? [];
  return folder === undefined || port === undefined || name === 'infra'
    ? []
    : [{ name, folder, port: Number(port) }];
}

const yaml = (value: object) => Bun.YAML.stringify(value, null, 2);

function compose(processes: readonly Deployed[]): string {
  const common = yaml({ name: 'rookery', 'x-environment': COMPOSE_ENVIRONMENT, 'x-process': COMPOSE_PROCESS })
    .replace('x-environment:', 'x-environment: &environment')
    .replace('x-process:', 'x-process: &process');
  const services = processes.flatMap(({ name, folder, port }) => [
    `  ${name}:`,
    '    <<: *process',
    `    command: [${folder}]`,
    `    environment: { <<: *environment, PORT: "${port}" }`,
    ...(name === 'registry' ? [`    deploy: { replicas: ${REGISTRIES} }`] : []),
    ...(name === 'gateway' ? [`    ports: ["\${GATEWAY_PORT:-8080}:${port}"]`] : []),
  ]);
  return [common, 'services:', ...services].join('\n');
}

const COMPOSE_PROCESS = {
  image: `\${ROOKERY_IMAGE:-rookery}`,
  build: { context: '..', dockerfile: 'deploy/Dockerfile' },
  restart: 'unless-stopped',
  init: true,
  read_only: true,
  // Nothing is kept in a container; the folder is for what may be lost with it.
  tmpfs: ['/tmp', '/app/.data:uid=1000,gid=1000'],
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  pids_limit: 200,
  mem_limit: '512m',
  cpus: 1,
  // Longer than gateways may take to let go (10 s) and running requests to finish (SHUTDOWN_TIMEOUT_MS).
  stop_grace_period: '35s',
  logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
};

/** Compose fills in the values of `deploy/production.env`, and refuses to start where a secret is missing. */
const needed = (name: string) => `\${${name}:?set it in deploy/production.env}`;

/** Requests a minute of one user or address: in all, and where a password hash or a mail is to be had. */
const RATE_LIMITS = {
  RATE_LIMIT_PER_MINUTE: `\${RATE_LIMIT_PER_MINUTE:-1200}`,
  RATE_LIMIT_SIGN_IN_PER_MINUTE: `\${RATE_LIMIT_SIGN_IN_PER_MINUTE:-20}`,
  RATE_LIMIT_REGISTRATION_PER_MINUTE: `\${RATE_LIMIT_REGISTRATION_PER_MINUTE:-10}`,
  RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: `\${RATE_LIMIT_PASSWORD_RESET_PER_MINUTE:-5}`,
};

/** Empty, no spans are made. */
const TRACES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: `\${OTEL_EXPORTER_OTLP_ENDPOINT:-}`,
  OTEL_TRACES_SAMPLER: `\${OTEL_TRACES_SAMPLER:-}`,
  OTEL_TRACES_SAMPLER_ARG: `\${OTEL_TRACES_SAMPLER_ARG:-}`,
};

const COMPOSE_ENVIRONMENT = {
  NODE_ENV: 'production',
  LOG_LEVEL: `\${LOG_LEVEL:-info}`,
  REGISTRY_URL: 'http://registry:8006',
  REGISTRY_TOKEN: needed('REGISTRY_TOKEN'),
  // The ranges Docker takes its networks from.
  REGISTRY_ALLOWED_HOSTS: `\${REGISTRY_ALLOWED_HOSTS:-172.16.0.0/12,192.168.0.0/16,10.0.0.0/8}`,
  // Empty, each registry would be alone: then there may be only one.
  REGISTRY_REDIS_URL: `\${REGISTRY_REDIS_URL-redis://redis:6379}`,
  INTERNAL_SECRET: needed('INTERNAL_SECRET'),
  JWT_SECRET: needed('JWT_SECRET'),
  JWT_ISSUER: needed('PUBLIC_URL'),
  PUBLIC_URL: needed('PUBLIC_URL'),
  ...RATE_LIMITS,
  TRUSTED_PROXIES: `\${TRUSTED_PROXIES:-}`,
  ...TRACES,
  DB_HOST: `\${DB_HOST:-mariadb}`,
  DB_PORT: `\${DB_PORT:-3306}`,
  DB_USER: `\${DB_USER:-rookery}`,
  DB_PASSWORD: needed('DB_PASSWORD'),
  REDIS_URL: `\${REDIS_URL:-redis://redis:6379}`,
  AMQP_URL: `\${AMQP_URL:-amqp://rookery:\${RABBITMQ_PASSWORD}@rabbitmq:5672}`,
  BEANSTALKD_HOST: `\${BEANSTALKD_HOST:-beanstalkd}`,
  BEANSTALKD_PORT: `\${BEANSTALKD_PORT:-11300}`,
  DYNAMODB_URL: `\${DYNAMODB_URL:-http://dynamodb:8000}`,
  AWS_REGION: `\${AWS_REGION:-us-east-1}`,
  AWS_ACCESS_KEY_ID: `\${AWS_ACCESS_KEY_ID:-local}`,
  AWS_SECRET_ACCESS_KEY: `\${AWS_SECRET_ACCESS_KEY:-local}`,
  SMTP_HOST: `\${SMTP_HOST:-mailcatcher}`,
  SMTP_PORT: `\${SMTP_PORT:-1025}`,
  S3_ENDPOINT: `\${S3_ENDPOINT:-http://minio:9000}`,
  S3_ACCESS_KEY_ID: `\${S3_ACCESS_KEY_ID:-rookery}`,
  S3_SECRET_ACCESS_KEY: needed('S3_SECRET_ACCESS_KEY'),
  ADMIN_PASSWORD: needed('ADMIN_PASSWORD'),
};

function kubernetes(process: Deployed): object[] {
  const { name, port } = process;
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'rookery', labels: { app: name } },
    spec: {
      replicas: name === 'registry' ? REGISTRIES : 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: {
          labels: { app: name },
          annotations: {
            'prometheus.io/scrape': 'true',
            'prometheus.io/port': String(port),
            'prometheus.io/path': '/metrics',
          },
        },
        spec: podOf(process),
      },
    },
  };
  if (!NAMED.has(name)) return [deployment];
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'rookery' },
    spec: { selector: { app: name }, ports: [{ name: 'http', port, targetPort: port }] },
  };
  return [deployment, service];
}

function podOf({ name, folder, port }: Deployed) {
  const probe = (path: string, periodSeconds: number) => ({
    httpGet: { path, port },
    periodSeconds,
    timeoutSeconds: 5,
  });
  return {
    // Longer than gateways may take to let go (10 s) and running requests to finish (SHUTDOWN_TIMEOUT_MS).
    terminationGracePeriodSeconds: 35,
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 },
    containers: [
      {
        name,
        image: 'rookery:latest',
        args: [folder],
        ports: [{ containerPort: port }],
        envFrom: [{ configMapRef: { name: 'rookery' } }, { secretRef: { name: 'rookery' } }],
        env: [
          { name: 'PORT', value: String(port) },
          { name: 'ADVERTISED_HOST', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        ],
        // Alive is not the same as ready: a process waits for its servers, it is not to be killed for that.
        startupProbe: { ...probe('/health', 2), failureThreshold: 60 },
        livenessProbe: { ...probe('/health', 15), failureThreshold: 4 },
        readinessProbe: probe('/readyz', 10),
        resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'scratch', mountPath: '/app/.data' },
          { name: 'scratch', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '256Mi' } }],
  };
}

/** Workers do not register, so Prometheus is told of them here. */
const workerTargets = (processes: readonly Deployed[]) =>
  processes
    .filter(({ folder }) => folder.startsWith('workers/'))
    .map(({ name, port }) => `  { "targets": ["${name}:${port}"], "labels": { "job": "${name}" } }`);

/** @returns the files written, from the project's root */
export function writeDeployment(): string[] {
  const files = deploymentFiles(readFileSync(join(ROOT, 'Procfile'), 'utf8'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(ROOT, file), text);
  return Object.keys(files);
}

if (import.meta.main) console.log(`Written: ${writeDeployment().join(', ')}`);
