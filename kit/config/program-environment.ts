/** An environment that the next program reads instead of the process's own. */
let handedOver: { environment: NodeJS.ProcessEnv; taken: () => void } | undefined;

/**
 * Starts a program within this process, which reads the given environment. Programs read theirs before they wait for
 * anything, so one after the other is handed its own, and then they go on at the same time.
 *
 * @param load imports the program
 * @returns once it has its environment; `started` settles when its import does
 * @throws when the program ends or fails without having read it
 */
export async function startProgram(
  environment: NodeJS.ProcessEnv,
  load: () => Promise<unknown>,
): Promise<{ started: Promise<unknown> }> {
  if (handedOver !== undefined) throw new Error('Another program has not read its environment yet');
  const taken = Promise.withResolvers<true>();
  handedOver = { environment, taken: () => taken.resolve(true) };
  const started = load();
  try {
    if ((await Promise.race([taken.promise, started])) !== true)
      throw new Error('The program has not read its environment');
  } finally {
    handedOver = undefined;
  }
  return { started };
}

/** The environment handed over to the program that is being started; undefined when it has the process to itself. */
export function takeProgramEnvironment(): NodeJS.ProcessEnv | undefined {
  const current = handedOver;
  handedOver = undefined;
  current?.taken();
  return current?.environment;
}
