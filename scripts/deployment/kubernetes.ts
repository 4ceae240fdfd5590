import { version } from '../../package.json';
import { REGISTRY_REPLICAS } from './compose';
import { networkPolicy, policyOf, type Surroundings } from './network-policy';
import { metadata } from './objects';
import { type Deployed, databaseOwner, sourceOf } from './processes';
import { isSecret } from './secrets';

/** Processes with a DNS name; all others are discovered through the registry. */
const WITH_DNS_NAME = new Set(['gateway', 'registry']);
/** kustomization.yaml replaces it with the registry's name and the version to deploy. */
const IMAGE = `rookery:${version}`;
/** Two, so that one may fail or move; more as the load requires. */
const REPLICAS = { min: 2, max: 10 };

/**
 * The objects of a process: its pods, what may connect to them and they to, how many there are, and how many may be away.
 */
export function objectsOf(process: Deployed, surroundings: Surroundings): object[] {
  const { name } = process;
  return [
    deploymentOf(process),
    ...(WITH_DNS_NAME.has(name) ? [serviceOf(process)] : []),
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: metadata(name),
      spec: { maxUnavailable: 1, selector: { matchLabels: { app: name } } },
    },
    ...(name === 'registry' ? [] : [autoscalerOf(process)]),
    policyOf(process, surroundings),
  ];
}

function deploymentOf(process: Deployed) {
  const { name, port } = process;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(name),
    spec: {
      // The others are scaled by their autoscaler.
      ...(name === 'registry' && { replicas: REGISTRY_REPLICAS }),
      selector: { matchLabels: { app: name } },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          labels: { app: name, 'app.kubernetes.io/part-of': 'rookery' },
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
}

const serviceOf = ({ name, port }: Deployed) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata(name),
  spec: { selector: { app: name }, ports: [{ name: 'http', port, targetPort: port }] },
});

/** By the load of the processor, and by the project's own metrics, which prometheus-adapter.yaml serves. */
function autoscalerOf({ name, folder }: Deployed) {
  const isWorker = folder.startsWith('workers/');
  const own = isWorker
    ? {
        metric: { name: 'rookery_queue_ready_messages' },
        target: { type: 'AverageValue', averageValue: '200' },
      }
    : {
        metric: { name: 'rookery_event_loop_lag_seconds' },
        target: { type: 'AverageValue', averageValue: '200m' },
      };
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadata(name),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: REPLICAS.min,
      maxReplicas: REPLICAS.max,
      metrics: [
        // Of the request, which is that of an idle process.
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 300 } },
        },
        { type: 'Pods', pods: own },
      ],
    },
  };
}

function podOf(process: Deployed) {
  const { name, folder, port } = process;
  const check = (path: string) =>
    // With TLS_CERT the gateway speaks TLS, for a name that is not the pod's address.
    name === 'gateway' ? { exec: { command: ['bun', 'health.js', path] } } : { httpGet: { path, port } };
  const probe = (path: string, periodSeconds: number) => ({
    ...check(path),
    periodSeconds,
    timeoutSeconds: 5,
  });
  return {
    // Longer than a drain (10 s) and requests in flight may take (SHUTDOWN_TIMEOUT_MS).
    terminationGracePeriodSeconds: 35,
    ...POD,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { app: name } },
      },
    ],
    containers: [
      {
        name,
        image: IMAGE,
        args: [folder],
        ports: [{ containerPort: port }],
        envFrom: [
          { configMapRef: { name: 'rookery' } },
          // What is no variable of Rookery and secret, like OTEL_EXPORTER_OTLP_HEADERS.
          { secretRef: { name: 'rookery-processes', optional: true } },
        ],
        env: [
          { name: 'PORT', value: String(port) },
          { name: 'ADVERTISED_HOST', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ...credentialsOf(process),
        ],
        // Liveness is not readiness: a process that waits for its servers must not be killed.
        startupProbe: { ...probe('/health', 2), failureThreshold: 60 },
        livenessProbe: { ...probe('/health', 15), failureThreshold: 4 },
        readinessProbe: probe('/readyz', 10),
        ...CONTAINER,
        ...(name === 'gateway' && {
          volumeMounts: [
            ...CONTAINER.volumeMounts,
            { name: 'certificates', mountPath: '/certificates', readOnly: true },
          ],
        }),
      },
    ],
    volumes: [
      ...VOLUMES,
      ...(name === 'gateway'
        ? [{ name: 'certificates', secret: { secretName: 'rookery-tls', optional: true } }]
        : []),
    ],
  };
}

const secretValue = (name: string, key = name) => ({
  name,
  valueFrom: { secretKeyRef: { name: 'rookery', key, optional: true } },
});

/** Where each process has a user of its name. */
const USERS = ['AMQP_USER', 'REDIS_USER', 'REGISTRY_REDIS_USER'];

/** The secrets that this process reads, and its users at the servers. */
function credentialsOf(process: Deployed): object[] {
  const owner = databaseOwner(process);
  const own = process.variables.filter((name) => isSecret(name) && name !== 'DB_PASSWORD');
  return [
    ...(owner === undefined
      ? []
      : [{ name: 'DB_USER', value: userOf(owner) }, secretValue('DB_PASSWORD', `${owner}_DB_PASSWORD`)]),
    ...USERS.filter((name) => process.variables.includes(name)).map((name) => ({
      name,
      value: process.name,
    })),
    ...own.map((name) => secretValue(name, sourceOf(process, name))),
  ];
}

const userOf = (owner: string) => `rookery_${owner.toLowerCase()}`;

/** Migrates all databases, before a new version is rolled out; and what that may connect to. */
export function migrationObjects(surroundings: Surroundings): object[] {
  const migrate = { name: 'migrate', variables: ['DB_HOST'], callees: [] };
  return [networkPolicy(migrate, [], surroundings), migrationJob(surroundings.processes)];
}

function migrationJob(processes: readonly Deployed[]): object {
  const owners = processes.flatMap((process) => databaseOwner(process) ?? []);
  const labels = { app: 'migrate', 'app.kubernetes.io/part-of': 'rookery' };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadata('migrate'),
    spec: {
      backoffLimit: 5,
      ttlSecondsAfterFinished: 3600,
      template: {
        metadata: { labels },
        spec: {
          ...POD,
          restartPolicy: 'Never',
          containers: [
            {
              name: 'migrate',
              image: IMAGE,
              args: ['migrate'],
              envFrom: [{ configMapRef: { name: 'rookery' } }],
              env: owners.flatMap((owner) => [
                { name: `${owner}_DB_USER`, value: userOf(owner) },
                secretValue(`${owner}_DB_PASSWORD`),
                secretValue(`${owner}_DATABASE_URL`),
              ]),
              ...CONTAINER,
            },
          ],
          volumes: VOLUMES,
        },
      },
    },
  };
}

const POD = {
  enableServiceLinks: false,
  automountServiceAccountToken: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 1000,
    fsGroup: 1000,
    seccompProfile: { type: 'RuntimeDefault' },
  },
};

const CONTAINER = {
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
};

const VOLUMES = [{ name: 'scratch', emptyDir: { sizeLimit: '2Gi' } }];
