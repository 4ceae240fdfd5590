/** Matches a method and path to the value of the most specific pattern. */
export interface Router<Value> {
  /**
   * @param pattern segments, each static or a `:parameter`, and a final `*` for everything below
   * @returns false when the method and pattern exist already: the first one stays
   */
  add(method: string, pattern: string, value: Value): boolean;
  /** @param start position of a `/` in `path`: what precedes it is ignored */
  find(method: string, path: string, start: number): Value | undefined;
  /** The methods of all patterns that match a path: for `Allow`. */
  methods(path: string, start: number): string[];
}

interface Node<Value> {
  readonly children: Map<string, Node<Value>>;
  parameter: Node<Value> | undefined;
  /** By method, of patterns that end here. */
  values: Map<string, Value> | undefined;
  /** By method, of patterns whose `*` is below here. */
  wildcard: Map<string, Value> | undefined;
}

/** The method of a pattern that matches every method, as Elysia's `.all` registers it. */
const ANY_METHOD = 'ALL';

/**
 * A tree of path segments: static before parameter before wildcard, segment by segment from the left. A pattern without
 * the requested method does not hide a less specific one that has it. HEAD is served by GET. A trailing slash makes no
 * difference, as in the services' own routers.
 */
export function createRouter<Value>(): Router<Value> {
  const root = createNode<Value>();

  function add(method: string, pattern: string, value: Value): boolean {
    const segments = pattern.split('/').filter((segment) => segment !== '');
    const isWildcard = segments.at(-1) === '*';
    if (isWildcard) segments.pop();
    let node = root;
    for (const segment of segments) node = childFor(node, segment);
    const end = isWildcard ? 'wildcard' : 'values';
    node[end] ??= new Map();
    if (node[end].has(method)) return false;
    node[end].set(method, value);
    return true;
  }

  return {
    add,
    find: (method, path, start) => find(root, method, path, start + 1),
    methods(path, start) {
      const methods = new Set<string>();
      collectMethods(root, path, start + 1, methods);
      if (methods.has('GET')) methods.add('HEAD');
      return [...methods].sort();
    },
  };
}

const createNode = <Value>(): Node<Value> => ({
  children: new Map(),
  parameter: undefined,
  values: undefined,
  wildcard: undefined,
});

function childFor<Value>(node: Node<Value>, segment: string): Node<Value> {
  if (segment.startsWith(':')) {
    node.parameter ??= createNode();
    return node.parameter;
  }
  const known = node.children.get(segment);
  if (known) return known;
  const child = createNode<Value>();
  node.children.set(segment, child);
  return child;
}

/** @param start first character of a segment; beyond the path when there is no further one */
function find<Value>(node: Node<Value>, method: string, path: string, start: number): Value | undefined {
  if (start >= path.length) {
    const value = valueFor(node.values, method);
    return value === undefined && start === path.length ? valueFor(node.wildcard, method) : value;
  }
  const end = segmentEnd(path, start);
  const child = node.children.get(path.slice(start, end));
  const fromChild = child && find(child, method, path, end + 1);
  if (fromChild !== undefined) return fromChild;
  const fromParameter = node.parameter && find(node.parameter, method, path, end + 1);
  return fromParameter === undefined ? valueFor(node.wildcard, method) : fromParameter;
}

function valueFor<Value>(values: Map<string, Value> | undefined, method: string): Value | undefined {
  if (values === undefined) return undefined;
  return values.get(method) ?? (method === 'HEAD' ? values.get('GET') : undefined) ?? values.get(ANY_METHOD);
}

function collectMethods<Value>(node: Node<Value>, path: string, start: number, methods: Set<string>): void {
  const isEnd = start >= path.length;
  if (isEnd) for (const method of node.values?.keys() ?? []) methods.add(method);
  if (start <= path.length) for (const method of node.wildcard?.keys() ?? []) methods.add(method);
  if (isEnd) return;
  const end = segmentEnd(path, start);
  const child = node.children.get(path.slice(start, end));
  if (child) collectMethods(child, path, end + 1, methods);
  if (node.parameter) collectMethods(node.parameter, path, end + 1, methods);
}

function segmentEnd(path: string, start: number): number {
  const slash = path.indexOf('/', start);
  return slash === -1 ? path.length : slash;
}
