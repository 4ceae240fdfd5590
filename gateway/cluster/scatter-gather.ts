import type { Gathered, Knowledge, Question, ToWorker } from './messages';

/** A running worker, as far as it can be asked. */
export interface AskedWorker {
  readonly number: number;
  /** False while it starts. */
  listening: boolean;
  /** Questions it still owes an answer. */
  owed: number;
  /** False when its channel is closed. */
  send(message: ToWorker): boolean;
}

/** Puts a question to all workers. */
export interface Gathering {
  /** Waits for the slowest, but no longer than is good for whoever asks. */
  ask(question: Question): Promise<Gathered>;
  answered(worker: AskedWorker, id: number, knowledge: Knowledge): void;
  /** Nothing more comes from it. */
  ended(worker: AskedWorker): void;
}

/** Shorter than a prober or a scraper waits. */
const ANSWER_MS = 1_000;
/** One that owes so many answers is stuck: asking it again would only fill its channel. */
const MOST_OWED = 4;

export function createGathering(workers: ReadonlySet<AskedWorker>, answerMs: number = ANSWER_MS): Gathering {
  interface Round {
    readonly waitingFor: Set<AskedWorker>;
    readonly answers: Gathered['answers'][number][];
    finish(): void;
  }
  const rounds = new Map<number, Round>();
  let lastId = 0;

  function remove(round: Round, worker: AskedWorker) {
    if (round.waitingFor.delete(worker) && round.waitingFor.size === 0) round.finish();
  }

  return {
    ask(question) {
      const id = ++lastId;
      const { promise, resolve } = Promise.withResolvers<Gathered>();
      const silent: number[] = [];
      const timer = setTimeout(finish, answerMs);
      const round: Round = { waitingFor: new Set(), answers: [], finish };
      rounds.set(id, round);
      for (const worker of workers) {
        if (!worker.listening) continue;
        if (worker.owed >= MOST_OWED) silent.push(worker.number);
        else if (worker.send({ kind: 'question', id, question })) {
          worker.owed++;
          round.waitingFor.add(worker);
        }
      }
      if (round.waitingFor.size === 0) finish();
      return promise;

      function finish() {
        clearTimeout(timer);
        if (!rounds.delete(id)) return;
        const late = [...round.waitingFor].map(({ number }) => number);
        resolve({
          answers: round.answers.toSorted((left, right) => left.worker - right.worker),
          silent: [...silent, ...late].sort((left, right) => left - right),
        });
      }
    },
    answered(worker, id, knowledge) {
      worker.owed--;
      const round = rounds.get(id);
      if (!round?.waitingFor.has(worker)) return;
      round.answers.push({ worker: worker.number, knowledge });
      remove(round, worker);
    },
    ended(worker) {
      for (const round of rounds.values()) remove(round, worker);
    },
  };
}
