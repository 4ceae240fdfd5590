import { parseSync } from 'oxc-parser';

/** Names of metrics, as defined in code, with the names of their labels. */
export type MetricDefinitions = Map<string, Set<string>>;

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof Reflect.get(value, 'type') === 'string';

const childrenOf = (node: Node): Node[] => Object.values(node).flat().filter(isNode);

const descendantsOf = (node: Node): Node[] => [node, ...childrenOf(node).flatMap(descendantsOf)];

const stringOf = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined;

const nameOf = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'Identifier' ? String(node.name) : undefined;

const CONSTRUCTORS = /^(?:Gauge|Counter|Histogram|Summary|CountedHistogram|sharedGauge|sharedHistogram)$/;

/**
 * The metrics that a source file defines. A helper function that takes the name as a parameter defines one for each call
 * with a literal.
 *
 * @throws for a definition that this cannot read: it would be missing from the check of rules and dashboards
 */
export function metricsOf(file: string, text: string): MetricDefinitions {
  const program: unknown = parseSync(file, text).program;
  if (!isNode(program)) throw new Error(`${file} cannot be parsed`);
  const nodes = descendantsOf(program);
  const constants = constantsOf(nodes);
  const metrics: MetricDefinitions = new Map();
  for (const node of nodes) {
    if (node.type !== 'NewExpression' && node.type !== 'CallExpression') continue;
    if (!CONSTRUCTORS.test(nameOf(node.callee) ?? '')) continue;
    const config = [node.arguments]
      .flat()
      .filter(isNode)
      .find(({ type }) => type === 'ObjectExpression');
    const members = new Map(config === undefined ? [] : membersOf(config));
    // The shared constructors pass their configuration on.
    if (config === undefined || !members.has('name')) continue;
    const labels = labelsOf(members.get('labelNames'), constants);
    for (const name of namesOf(members.get('name'), nodes, constants, file)) metrics.set(name, labels);
  }
  return metrics;
}

const membersOf = (object: Node): [string, Node][] =>
  [object.properties]
    .flat()
    .filter(isNode)
    .flatMap(({ key, value }) => {
      const name = nameOf(key);
      return name !== undefined && isNode(value) ? [[name, value] as [string, Node]] : [];
    });

function constantsOf(nodes: readonly Node[]): Map<string, Node> {
  const declarations = nodes.filter(({ type }) => type === 'VariableDeclarator');
  return new Map(
    declarations.flatMap(({ id, init }) => {
      const name = nameOf(id);
      return name !== undefined && isNode(init) ? [[name, init] as [string, Node]] : [];
    }),
  );
}

function labelsOf(node: Node | undefined, constants: ReadonlyMap<string, Node>): Set<string> {
  if (node === undefined) return new Set();
  if (node.type === 'TSAsExpression' && isNode(node.expression)) return labelsOf(node.expression, constants);
  if (node.type === 'ArrayExpression')
    return new Set(childrenOf(node).flatMap((element) => stringOf(element) ?? []));
  return labelsOf(constants.get(nameOf(node) ?? ''), constants);
}

function namesOf(
  node: Node | undefined,
  nodes: readonly Node[],
  constants: ReadonlyMap<string, Node>,
  file: string,
): string[] {
  const literal = stringOf(node) ?? stringOf(constants.get(nameOf(node) ?? ''));
  if (literal !== undefined) return [literal];
  // A parameter of a helper: the literals that it is called with.
  const called = nodes
    .filter(({ type }) => type === 'CallExpression')
    .flatMap(({ arguments: given }) => [given].flat().map(stringOf))
    .filter((value) => value !== undefined && /^[a-z]+(?:_[a-z]+)+$/.test(value));
  if (called.length === 0) throw new Error(`${file} defines a metric whose name cannot be read`);
  return called as string[];
}
