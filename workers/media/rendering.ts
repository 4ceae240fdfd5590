import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

/** What became of a picture, as the process that rendered it says. */
const Rendered = Type.Object({
  width: Type.Integer(),
  height: Type.Integer(),
  frames: Type.Integer(),
  /** Base64. */
  thumbhash: Type.String(),
  dominant_color: Type.String(),
  sizes: Type.Array(
    Type.Object({
      name: Type.String(),
      type: Type.String(),
      path: Type.String(),
      width: Type.Integer(),
      height: Type.Integer(),
    }),
  ),
});
export type Rendered = Static<typeof Rendered>;

const Refused = Type.Object({
  rejected: Type.String({ description: 'A code, like `picture.too-many-pixels`' }),
});
export const Rendering = Type.Union([Rendered, Refused]);
export type Rendering = Static<typeof Rendering>;

/** Rendering took too long, and was ended. */
export class RenderingTimedOut extends Error {
  override readonly name = 'RenderingTimedOut';
}

/** From the file to pixels. */
const DECODE_TIMEOUT_MS = 5_000;
/** Until the process has started, on a busy machine; and for making all sizes once the pixels are there. */
const OTHER_STEPS_TIMEOUT_MS = 60_000;
const MOST_OUTPUT_CHARACTERS = 20_000;

/**
 * Renders a picture in a process of its own, and ends that when it takes too long.
 *
 * @param decodeTimeoutMs 5,000 unless said otherwise
 * @throws RenderingTimedOut, and an Error when the process died
 */
export async function renderInProcess(
  picture: { path: string; type: string; folder: string },
  decodeTimeoutMs = DECODE_TIMEOUT_MS,
): Promise<Rendering> {
  const ending = import.meta.path.endsWith('.js') ? 'js' : 'ts';
  const program = `${import.meta.dir}/render-process.${ending}`;
  const child = Bun.spawn([process.execPath, program, picture.path, picture.type, picture.folder], {
    // It needs to know nothing, and so can give nothing away.
    env: {},
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
  });
  let isLate = false;
  const endIn = (ms: number) =>
    setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, ms);
  let timer = endIn(OTHER_STEPS_TIMEOUT_MS);
  let last = '';
  try {
    for await (const line of linesOf(child.stdout)) {
      clearTimeout(timer);
      timer = endIn(line.includes('"started"') ? decodeTimeoutMs : OTHER_STEPS_TIMEOUT_MS);
      last = line;
    }
    await child.exited;
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
  if (isLate) throw new RenderingTimedOut('rendering took too long');
  const outcome = parse(last);
  if (child.exitCode !== 0 || !Value.Check(Rendering, outcome))
    throw new Error(`the process that renders ended with ${child.signalCode ?? child.exitCode}`);
  return outcome;
}

async function* linesOf(output: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of output) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MOST_OUTPUT_CHARACTERS) throw new Error('the process that renders says too much');
    yield* lines;
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // As good as no outcome.
    return undefined;
  }
}
