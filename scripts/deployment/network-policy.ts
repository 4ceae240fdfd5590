import { metadata } from './objects';
import type { Deployed } from './processes';

/** Their port for gRPC is the one for HTTP plus this. */
const GRPC_PORT_OFFSET = 50;

/** What a process connects to where one of its variables is set: the port that this or another variable names. */
const SERVERS: readonly { readonly variable: string; readonly portIn?: string; readonly default: number }[] =
  [
    { variable: 'DB_HOST', portIn: 'DB_PORT', default: 3306 },
    { variable: 'REDIS_URL', default: 6379 },
    { variable: 'REGISTRY_REDIS_URL', default: 6379 },
    { variable: 'AMQP_URL', default: 5671 },
    { variable: 'BEANSTALKD_HOST', portIn: 'BEANSTALKD_PORT', default: 11300 },
    { variable: 'DYNAMODB_URL', default: 443 },
    { variable: 'S3_ENDPOINT', default: 443 },
    { variable: 'SMTP_HOST', portIn: 'SMTP_PORT', default: 587 },
    { variable: 'GROWTHBOOK_API_HOST', default: 443 },
    { variable: 'STRIPE_API_URL', default: 443 },
    { variable: 'OTEL_EXPORTER_OTLP_ENDPOINT', default: 4318 },
  ];

const tcp = (ports: readonly number[]) => ports.map((port) => ({ protocol: 'TCP', port }));
const podsOf = (name: string) => [{ podSelector: { matchLabels: { app: name } } }];

const DNS = {
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
  ],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

/** What the policies of a process are made of, besides itself. */
export interface Surroundings {
  readonly processes: readonly Deployed[];
  /** The ConfigMap. */
  readonly settings: Readonly<Record<string, string>>;
}

/** The namespace refuses all connections otherwise (base.yaml). */
export function policyOf(process: Deployed, surroundings: Surroundings): object {
  const { name, folder, port } = process;
  const own = { podSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'rookery' } } };
  const monitoring = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } };
  const ingress =
    name === 'gateway'
      ? // From the ingress controller, wherever it runs.
        [{ ports: tcp([port]) }]
      : folder.startsWith('workers/')
        ? [{ from: [monitoring], ports: tcp([port]) }]
        : [
            { from: [own], ports: tcp([port, ...(name === 'registry' ? [] : [port + GRPC_PORT_OFFSET])]) },
            { from: [monitoring], ports: tcp([port]) },
          ];
  return networkPolicy(process, ingress, surroundings);
}

/** @param ingress what may connect to it */
export const networkPolicy = (
  process: Pick<Deployed, 'name' | 'variables' | 'callees'>,
  ingress: readonly object[],
  surroundings: Surroundings,
) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: metadata(process.name),
  spec: {
    podSelector: { matchLabels: { app: process.name } },
    policyTypes: ['Ingress', 'Egress'],
    ingress,
    egress: egressOf(process, surroundings),
  },
});

/**
 * What a process may connect to: names, the ports of the servers in its settings (at any address: they may be anywhere),
 * the registry, and the services that it calls.
 *
 * @param settings the ConfigMap, which names the ports
 */
function egressOf(
  { name, variables, callees }: Pick<Deployed, 'name' | 'variables' | 'callees'>,
  { processes, settings }: Surroundings,
): object[] {
  const servers = SERVERS.filter(({ variable }) => variables.includes(variable)).flatMap((server) =>
    portsOf(server, settings),
  );
  const services = processes.filter(({ folder }) => folder.startsWith('services/'));
  // The registry has every instance prove its address; the gateway forwards to all.
  const called = isForAll(name) ? services : services.filter((service) => callees.includes(service.name));
  const registry = processes.filter((process) => process.name === 'registry' && name !== 'registry');
  return [
    DNS,
    ...(servers.length === 0
      ? []
      : [{ ports: tcp([...new Set(servers)].sort((one, other) => one - other)) }]),
    ...(variables.includes('REGISTRY_URL')
      ? registry.map(({ port }) => ({ to: podsOf('registry'), ports: tcp([port]) }))
      : []),
    ...called.map((service) => ({
      to: podsOf(service.name),
      ports: tcp([
        // The keys of auth are read over HTTP.
        ...(isForAll(name) || service.name === 'auth' ? [service.port] : []),
        service.port + GRPC_PORT_OFFSET,
      ]),
    })),
  ];
}

const isForAll = (name: string) => name === 'gateway' || name === 'registry';

/** Of all servers in a list: URLs, or hosts of which some have a port of their own. */
function portsOf(server: (typeof SERVERS)[number], settings: Readonly<Record<string, string>>): number[] {
  const common = server.portIn === undefined ? undefined : settings[server.portIn];
  return (settings[server.variable] ?? '').split(',').map((listed) => {
    const url = URL.parse(server.portIn === undefined ? listed.trim() : `tcp://${listed.trim()}`);
    return Number(url?.port || common || server.default);
  });
}
