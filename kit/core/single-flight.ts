/** Callers that ask while an answer is being found share it; the next one after it asks anew. */
export function singleFlight<Result>(find: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined;
  return () => {
    running ??= find().finally(() => {
      running = undefined;
    });
    return running;
  };
}
