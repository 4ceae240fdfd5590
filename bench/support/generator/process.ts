import { readFileSync } from 'node:fs';
import type { FromGenerator, Plan, ToGenerator } from './plan';
import { drawRequests, prepareRequests } from './requests';
import { generate } from './run';

/** The load generator: a process of its own, so that it shares no event loop with anything else. */
let prepared = new Map<
  string,
  ReturnType<typeof prepareRequests> extends Map<string, infer Requests> ? Requests : never
>();
let url = new URL('http://127.0.0.1');

const tell = (message: FromGenerator) => process.send?.(message);

process.on('message', (message: ToGenerator) => {
  void handle(message).catch((failure: unknown) =>
    tell({ failure: failure instanceof Error ? failure.message : String(failure) }),
  );
});

async function handle(message: ToGenerator): Promise<void> {
  if ('plan' in message) {
    const plan: Plan = JSON.parse(readFileSync(message.plan, 'utf8'));
    url = new URL(plan.url);
    prepared = prepareRequests(url, plan.kinds);
    tell('ready');
    return;
  }
  const { load } = message;
  const draw = drawRequests(prepared, load.mix);
  tell({ result: await generate(url, load, { draw, onWarm: () => tell('warm') }) });
}
