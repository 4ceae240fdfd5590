import { Gauge } from 'prom-client';
import type { Runtime } from '#kit/core/runtime';
import { withTimeout } from '#kit/core/runtime';
import type { Gathered, Knowledge, Question, ToSupervisor, ToWorker } from './messages';

/** All processes of this gateway, the present one among them. */
export interface Siblings {
  ask(question: Question): Promise<Gathered>;
  /** Of all of them, merged; in Prometheus' text format. */
  metrics(): Promise<string>;
  /** Lets others ask this process: it serves. */
  listening(): void;
}

/** What one process knows. */
export type Know = (question: Question) => Promise<Knowledge>;

/** The supervisor gives the others a second; when it answers even later, something is wrong with itself. */
const SUPERVISOR_MS = 3_000;

/** @param isWorker whether a supervisor has started this process */
export const openSiblings = (runtime: Runtime, know: Know, isWorker: boolean): Siblings =>
  isWorker ? siblingsOverSupervisor(runtime, know) : noSiblings(runtime, know);

/** A gateway of one process has nobody else to ask. */
function noSiblings(runtime: Runtime, know: Know): Siblings {
  new Gauge({
    name: 'gateway_workers',
    help: 'Processes that share the port and serve',
    registers: [runtime.metrics],
  }).set(1);
  return {
    ask: async (question) => ({ answers: [{ worker: 0, knowledge: await know(question) }], silent: [] }),
    metrics: () => runtime.metrics.metrics(),
    listening: () => undefined,
  };
}

/** Asks and answers by the supervisor that has started this process, and ends with it. */
function siblingsOverSupervisor(runtime: Runtime, know: Know): Siblings {
  const asked = new Map<number, (reply: ToWorker) => void>();
  let lastId = 0;

  process.on('message', (message: ToWorker) => {
    if (message.kind === 'question') void answer(message.id, message.question);
    else asked.get(message.id)?.(message);
  });
  // A worker whose supervisor is gone would go on for ever.
  process.on('disconnect', () => void runtime.close());
  // An open channel keeps a process from ending.
  runtime.onClose('channel to the supervisor', () => process.disconnect?.());

  runtime.dependency({
    name: 'workers',
    required: false,
    async check() {
      const { answers, silent } = await askAll({ about: 'presence' });
      if (silent.length > 0) throw new Error(`Workers that do not answer: ${silent.join(', ')}`);
      return `${answers.length} serve`;
    },
  });

  async function answer(id: number, question: Question) {
    try {
      send({ kind: 'answer', id, knowledge: await know(question) });
    } catch (failure) {
      runtime.log.error(
        { err: failure, about: question.about },
        'a question to this worker was not answered',
      );
      send({ kind: 'answer', id, knowledge: {} });
    }
  }

  async function ask(question: Question): Promise<ToWorker> {
    const id = ++lastId;
    const { promise, resolve } = Promise.withResolvers<ToWorker>();
    asked.set(id, resolve);
    try {
      send({ kind: 'ask', id, question });
      return await withTimeout(promise, SUPERVISOR_MS, 'asking the other workers');
    } finally {
      asked.delete(id);
    }
  }

  async function askAll(question: Question): Promise<Gathered> {
    const reply = await ask(question);
    return reply.kind === 'gathered' ? reply.gathered : NOTHING;
  }

  return {
    ask: askAll,
    async metrics() {
      const reply = await ask({ about: 'metrics' });
      return reply.kind === 'metrics' ? reply.text : '';
    },
    listening: () => send({ kind: 'listening' }),
  };
}

const NOTHING: Gathered = { answers: [], silent: [] };

function send(message: ToSupervisor) {
  // Between the end of the supervisor and this process's own there is nobody to tell.
  if (process.connected) process.send?.(message);
}
