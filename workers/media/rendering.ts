import { tmpdir } from 'node:os';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

/** The result of a rendering process. */
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

const Unusable = Type.Object({
  rejected: Type.String({ description: 'A code, like `picture.too-many-pixels`' }),
});
const RenderResult = Type.Union([Rendered, Unusable]);
export type RenderResult = Static<typeof RenderResult>;

const Started = Type.Object({ step: Type.Literal('started') });

/** Rendering exceeded its timeout, and was killed. */
export class RenderTimedOut extends Error {
  override readonly name = 'RenderTimedOut';
}

/** For decoding the file. */
const DECODE_TIMEOUT_MS = 5_000;
/** For starting the process on a busy machine, and for encoding all sizes. */
const OTHER_STEPS_TIMEOUT_MS = 60_000;
const MAX_LINE_CHARACTERS = 20_000;

/**
 * Renders a picture in a child process, which is killed on timeout.
 *
 * @param decodeTimeoutMs 5,000 by default
 * @throws RenderTimedOut, and an Error when the process died
 */
export async function renderInProcess(
  picture: { path: string; type: string; folder: string },
  decodeTimeoutMs = DECODE_TIMEOUT_MS,
): Promise<RenderResult> {
  const extension = import.meta.path.endsWith('.js') ? 'js' : 'ts';
  const program = `${import.meta.dir}/render-process.${extension}`;
  const child = Bun.spawn([process.execPath, program, picture.path, picture.type, picture.folder], {
    // The decoder has no access to the worker's secrets. Where it is part of an executable, its library is unpacked.
    env: { TMPDIR: tmpdir() },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
  });
  let timedOut = false;
  const killAfter = (ms: number) =>
    setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, ms);
  let timer = killAfter(OTHER_STEPS_TIMEOUT_MS);
  let last = '';
  try {
    for await (const line of linesOf(child.stdout)) {
      clearTimeout(timer);
      timer = killAfter(Value.Check(Started, parse(line)) ? decodeTimeoutMs : OTHER_STEPS_TIMEOUT_MS);
      last = line;
    }
    await child.exited;
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
  if (timedOut) throw new RenderTimedOut('rendering timed out');
  const result = parse(last);
  if (child.exitCode !== 0 || !Value.Check(RenderResult, result))
    throw new Error(`the rendering process exited with ${child.signalCode ?? child.exitCode}`);
  return result;
}

async function* linesOf(output: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of output) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_CHARACTERS) throw new Error('the rendering process wrote an oversized line');
    yield* lines;
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Equivalent to no result.
    return undefined;
  }
}
