import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { type MetricDefinitions, metricsOf } from '../tests/support/metrics';

const ROOT = join(import.meta.dir, '..');
const PROMETHEUS = join(ROOT, 'deploy', 'prometheus');
const textOf = (file: string) => Bun.file(join(ROOT, file)).text();

interface Expression {
  readonly where: string;
  readonly text: string;
  /** Texts with the names of labels, like `{{status}}` or `{{ $labels.job }}`. */
  readonly templates: string;
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Record<string, string>;
}

const rules = (
  Bun.YAML.parse(await textOf('deploy/prometheus/rules.yml')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(await textOf('deploy/grafana/dashboards/rookery.json')) as {
  panels: { title: string; targets: { expr: string; legendFormat: string }[] }[];
};
const expressions: Expression[] = [
  ...rules.map(({ alert, expr, annotations }) => ({
    where: alert,
    text: expr,
    templates: Object.values(annotations).join(' '),
  })),
  ...dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({ where: title, text: expr, templates: legendFormat })),
  ),
];

/** Labels that Prometheus adds to every sample. */
const TARGET_LABELS = ['job', 'instance'];

async function definedMetrics(): Promise<MetricDefinitions> {
  // Prometheus' own.
  const all: MetricDefinitions = new Map([['up', new Set<string>()]]);
  for (const pattern of ['kit', 'registry', 'gateway', 'services', 'workers'])
    for (const file of new Bun.Glob(`${pattern}/**/*.{ts,tsx}`).scanSync({ cwd: ROOT }))
      if (!file.endsWith('.test.ts'))
        for (const [name, labels] of metricsOf(file, await textOf(file))) all.set(name, labels);
  return all;
}

const metrics = await definedMetrics();

/** The labels of a metric as it is exposed: those of a histogram depend on the series. */
function labelsOf(series: string): Set<string> | undefined {
  const own = metrics.get(series);
  if (own) return own;
  const [, base = '', suffix] = /^(.*)_(bucket|count|sum)$/.exec(series) ?? [];
  const labels = metrics.get(base);
  return labels && new Set([...labels, ...(suffix === 'bucket' ? ['le'] : [])]);
}

/** Names of series in an expression, with the labels that are matched. */
function selectorsOf(text: string): { series: string; matched: string[] }[] {
  const plain = text.replace(/\b(?:by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  return [...plain.matchAll(/\b([a-z][a-z0-9_]*)\b(?!\s*\()(?:\{([^}]*)\})?/g)]
    .filter(([, name = '']) => !/^(?:and|or|unless|by|on|bool|offset|e\d*|[smhd])$/.test(name))
    .filter(([, name = '']) => name.includes('_') || name === 'up')
    .map(([, series = '', matchers = '']) => ({
      series,
      matched: [...matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }));
}

const groupedBy = (text: string) =>
  [...text.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.trim()),
  );

describe('every alert and panel', () => {
  test('uses metrics that exist, with labels that they have', () => {
    expect([metrics.size > 40, rules.length > 14, expressions.length > 30]).toEqual([true, true, true]);
    const wrong: string[] = [];
    for (const { where, text, templates } of expressions) {
      const selectors = selectorsOf(text);
      if (selectors.length === 0) wrong.push(`${where}: no metric`);
      const available = new Set(TARGET_LABELS);
      for (const { series, matched } of selectors) {
        const labels = labelsOf(series);
        if (labels === undefined) wrong.push(`${where}: ${series} does not exist`);
        for (const label of labels ?? []) available.add(label);
        for (const label of matched)
          if (labels && !labels.has(label) && !TARGET_LABELS.includes(label))
            wrong.push(`${where}: ${series} has no label ${label}`);
      }
      const shown = [...templates.matchAll(/\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}/g)].map(
        ([, label = '']) => label,
      );
      for (const label of [...groupedBy(text), ...shown])
        if (!available.has(label)) wrong.push(`${where}: no label ${label}`);
    }
    expect(wrong).toEqual([]);
  });

  test('is not hidden by a label of its target', async () => {
    const configuration = Bun.YAML.parse(await textOf('deploy/prometheus/prometheus.yml')) as {
      scrape_configs: { relabel_configs?: { target_label: string }[] }[];
    };
    const workers = (await Bun.file(join(PROMETHEUS, 'workers.json')).json()) as {
      labels: Record<string, string>;
    }[];
    const given = [
      ...configuration.scrape_configs.flatMap(({ relabel_configs = [] }) =>
        relabel_configs.map(({ target_label }) => target_label),
      ),
      ...workers.flatMap(({ labels }) => Object.keys(labels)),
    ];
    const used = new Set([...metrics.values()].flatMap((labels) => [...labels]));
    expect(given.length).toBeGreaterThan(5);
    expect(given.filter((label) => used.has(label))).toEqual([]);
  });
});

describe('the alert rules', () => {
  const promtool = (...parts: string[]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(['promtool', ...parts], { cwd: PROMETHEUS });
    return { exitCode, output: `${stdout}${stderr}` };
  };

  test('and the configuration are accepted by Prometheus', () => {
    for (const parts of [
      // The file with the token of the gateway's metrics is the deployment's.
      ['check', 'config', '--syntax-only', 'prometheus.yml'],
      ['check', 'rules', 'rules.yml'],
    ])
      expect(promtool(...parts)).toMatchObject({ exitCode: 0 });
  });

  test('fire and stay silent as rules.test.yml says, each of them', async () => {
    expect(promtool('test', 'rules', 'rules.test.yml')).toEqual({
      exitCode: 0,
      output: expect.stringContaining('SUCCESS'),
    });
    const { tests } = Bun.YAML.parse(await textOf('deploy/prometheus/rules.test.yml')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts?: object[] }[] }[];
    };
    const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    const named = (fires: boolean) =>
      [
        ...new Set(
          cases.filter((one) => fires === (one.exp_alerts ?? []).length > 0).map((one) => one.alertname),
        ),
      ].sort();
    const all = rules.map(({ alert }) => alert).sort();
    expect(named(true)).toEqual(all);
    expect(named(false)).toEqual(all);
  });
});
