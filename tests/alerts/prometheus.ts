import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { markOf } from '../../infra/processes';
import { freePort } from '../support/registry';
import type { System } from '../support/system';

const DEPLOY = join(import.meta.dir, '..', '..', 'deploy', 'prometheus');

/** A Prometheus that watches a system as `deploy/prometheus` says, in seconds instead of minutes. */
export interface RunningPrometheus {
  /** Every alert that is defined. */
  readonly alerts: readonly string[];
  /** The alerts that fire now. */
  firing(): Promise<string[]>;
  stop(): Promise<void>;
}

export async function startPrometheus(system: System, folder: string): Promise<RunningPrometheus> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const rules = shortened(await Bun.file(join(DEPLOY, 'rules.yml')).text());
  const configuration = Bun.YAML.parse(await Bun.file(join(DEPLOY, 'prometheus.yml')).text()) as {
    scrape_configs: ScrapeConfiguration[];
  };
  await Bun.write(join(folder, 'rules.yml'), rules);
  await Bun.write(
    join(folder, 'prometheus.yml'),
    JSON.stringify({
      ...configuration,
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      scrape_configs: configuration.scrape_configs.map((scrape) => ({
        ...localized(scrape, system),
        // On the machine itself metrics take no token.
        authorization: undefined,
      })),
    }),
  );
  const url = `http://127.0.0.1:${freePort()}`;
  const child = Bun.spawn(
    [
      'prometheus',
      ...['--config.file', join(folder, 'prometheus.yml'), '--storage.tsdb.path', join(folder, 'data')],
      ...['--web.listen-address', new URL(url).host, '--log.level', 'warn'],
    ],
    // The mark lets the next run stop it if this one is interrupted.
    { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...markOf(system.folder) } },
  );
  return {
    alerts: [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name),
    async firing() {
      const response = await fetch(`${url}/api/v1/alerts`);
      const { data } = (await response.json()) as {
        data: { alerts: { state: string; labels: { alertname: string } }[] };
      };
      return data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
    },
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

/** Waiting times, windows and thresholds that no test can wait for; the expressions stay as they are. */
const shortened = (rules: string) =>
  rules
    .replace(/for: \d+m/g, 'for: 1s')
    .replace(/\[(?:5|10)m\]/g, '[15s]')
    .replace('[1h]', '[5m]')
    .replace(/_seconds\) > (?:60|300)\b/g, '_seconds) > 5')
    .replace('400e6', '40e6')
    .replace('event_loop_lag_seconds) > 0.5', 'event_loop_lag_seconds) > 0.1');

type ScrapeConfiguration = { job_name: string } & Record<string, unknown>;

/** The same jobs, where names of the deployment's network become local addresses. */
function localized(scrape: ScrapeConfiguration, system: System): ScrapeConfiguration {
  const target = (process: string) => new URL(system.process(process).url).host;
  const { job_name, relabel_configs } = scrape;
  switch (job_name) {
    case 'services': {
      const url = `${system.process('registry').url}/sd/prometheus`;
      return { job_name, relabel_configs, http_sd_configs: [{ url, refresh_interval: '1s' }] };
    }
    case 'workers':
      return {
        job_name,
        static_configs: ['posts', 'fanout', 'mail-worker'].map((job) => ({
          targets: [target(job)],
          labels: { job },
        })),
      };
    default:
      return { job_name, static_configs: [{ targets: [target(job_name)] }] };
  }
}
