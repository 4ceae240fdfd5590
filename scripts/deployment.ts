import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseProcfile } from './processes/procfile';

const ROOT = join(import.meta.dir, '..');
const HEADER =
  '# Generated from the Procfile by `make deployment`. Do not edit; change scripts/deployment.ts.\n';
/** Processes with a DNS name; all others are discovered through the registry. */
const WITH_DNS_NAME = new Set(['gateway', 'registry']);
/** They share one table, so that one of them may fail without an outage. */
const REGISTRY_REPLICAS = 2;

interface Deployed {
  readonly name: string;
  /** The folder of its bundle, the argument of `deploy/start.sh`. */
  readonly folder: string;
  readonly port: number;
}

/**
 * Generates the deployment files from the Procfile, so that they list every process.
 *
 * @returns the text of each file, by its path from the project's root
 */
export function deploymentFiles(procfile: string): Record<string, string> {
  const processes = parseProcfile(procfile).flatMap(({ name, command }) => deployed(name, command));
  return {
    'deploy/compose.yml': `${HEADER}${compose(processes)}\n`,
    'deploy/kubernetes/processes.yaml': `${HEADER}${processes.flatMap(kubernetes).map(yaml).join('\n---\n')}\n`,
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
    ...(name === 'registry' ? [`    deploy: { replicas: ${REGISTRY_REPLICAS} }`] : []),
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

/** Compose substitutes the values of `deploy/production.env`, and refuses to start when one is missing. */
const required = (name: string) => `\${${name}:?set it in deploy/production.env}`;

/** Requests per minute of one user or address: in total, and for routes that cost a password hash or a mail. */
const RATE_LIMITS = {
  RATE_LIMIT_PER_MINUTE: `\${RATE_LIMIT_PER_MINUTE:-1200}`,
  RATE_LIMIT_SIGN_IN_PER_MINUTE: `\${RATE_LIMIT_SIGN_IN_PER_MINUTE:-20}`,
  RATE_LIMIT_REGISTRATION_PER_MINUTE: `\${RATE_LIMIT_REGISTRATION_PER_MINUTE:-10}`,
  RATE_LIMIT_PASSWORD_RESET_PER_MINUTE: `\${RATE_LIMIT_PASSWORD_RESET_PER_MINUTE:-5}`,
};

/** Without an endpoint no spans are recorded. */
const TRACES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: `\${OTEL_EXPORTER_OTLP_ENDPOINT:-}`,
  OTEL_TRACES_SAMPLER: `\${OTEL_TRACES_SAMPLER:-}`,
  OTEL_TRACES_SAMPLER_ARG: `\${OTEL_TRACES_SAMPLER_ARG:-}`,
};

const COMPOSE_ENVIRONMENT = {
  NODE_ENV: 'production',
  LOG_LEVEL: `\${LOG_LEVEL:-info}`,
  REGISTRY_URL: 'http://registry:8006',
  REGISTRY_TOKEN: required('REGISTRY_TOKEN'),
  // The ranges of Docker's networks.
  REGISTRY_ALLOWED_HOSTS: `\${REGISTRY_ALLOWED_HOSTS:-172.16.0.0/12,192.168.0.0/16,10.0.0.0/8}`,
  // Required for more than one replica of the registry.
  REGISTRY_REDIS_URL: `\${REGISTRY_REDIS_URL-redis://redis:6379}`,
  INTERNAL_SECRET: required('INTERNAL_SECRET'),
  JWT_SECRET: required('JWT_SECRET'),
  JWT_ISSUER: required('PUBLIC_URL'),
  PUBLIC_URL: required('PUBLIC_URL'),
  ...RATE_LIMITS,
  TRUSTED_PROXIES: `\${TRUSTED_PROXIES:-}`,
  ...TRACES,
  DB_HOST: `\${DB_HOST:-mariadb}`,
  DB_PORT: `\${DB_PORT:-3306}`,
  DB_USER: `\${DB_USER:-rookery}`,
  DB_PASSWORD: required('DB_PASSWORD'),
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
  S3_SECRET_ACCESS_KEY: required('S3_SECRET_ACCESS_KEY'),
  ADMIN_PASSWORD: required('ADMIN_PASSWORD'),
};

function kubernetes(process: Deployed): object[] {
  const { name, port } = process;
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'rookery', labels: { app: name } },
    spec: {
      replicas: name === 'registry' ? REGISTRY_REPLICAS : 1,
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
  if (!WITH_DNS_NAME.has(name)) return [deployment];
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
    // Longer than a drain (10 s) and requests in flight may take (SHUTDOWN_TIMEOUT_MS).
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
        // Liveness is not readiness: a process that waits for its servers must not be killed.
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

/** Workers do not register, so Prometheus cannot discover them through the registry. */
const workerTargets = (processes: readonly Deployed[]) =>
  processes
    .filter(({ folder }) => folder.startsWith('workers/'))
    .map(({ name, port }) => `  { "targets": ["${name}:${port}"], "labels": { "job": "${name}" } }`);

/** @returns the paths of the written files, relative to the project's root */
export function writeDeployment(): string[] {
  const files = deploymentFiles(readFileSync(join(ROOT, 'Procfile'), 'utf8'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(ROOT, file), text);
  return Object.keys(files);
}

if (import.meta.main) console.log(`Wrote ${writeDeployment().join(', ')}`);
