import { tmpdir } from 'node:os';
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

const Stripped = Type.Object({
  copied: Type.Boolean({ description: 'False for a file that cannot be taken apart reliably' }),
});
export type Stripped = Static<typeof Stripped>;

/** The result of a rendering process. */
const Rendered = Type.Object({
  ...Stripped.properties,
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
export type Unusable = Static<typeof Unusable>;
const RenderResult = Type.Union([Rendered, Unusable]);
export type RenderResult = Static<typeof RenderResult>;

const Started = Type.Object({ step: Type.Literal('started') });

/** The process exceeded its timeout, and was killed. */
export class RenderTimedOut extends Error {
  override readonly name = 'RenderTimedOut';
}

/** For decoding the file. */
const DECODE_TIMEOUT_MS = 5_000;
/** For starting the process on a busy machine, and for encoding all sizes. */
const OTHER_STEPS_TIMEOUT_MS = 60_000;
const MAX_LINE_CHARACTERS = 20_000;

/** A file on the local disk, and a folder for what is made of it. */
export interface StagedFile {
  readonly path: string;
  readonly type: string;
  readonly folder: string;
}

/**
 * Renders a picture, and copies it without metadata, in a child process, which is killed on timeout.
 *
 * @param decodeTimeoutMs 5,000 by default
 * @throws RenderTimedOut, and an Error when the process died
 */
export const renderInProcess = (
  picture: StagedFile,
  decodeTimeoutMs = DECODE_TIMEOUT_MS,
): Promise<RenderResult> => runInProcess('render', picture, { result: RenderResult, decodeTimeoutMs });

/** Copies a file without metadata in a child process. @throws like `renderInProcess` */
export const stripInProcess = (file: StagedFile): Promise<Stripped> =>
  runInProcess('strip', file, { result: Stripped, decodeTimeoutMs: DECODE_TIMEOUT_MS });

async function runInProcess<Result extends TSchema>(
  task: 'render' | 'strip',
  file: StagedFile,
  { result: expected, decodeTimeoutMs }: { result: Result; decodeTimeoutMs: number },
): Promise<Static<Result>> {
  const extension = import.meta.path.endsWith('.js') ? 'js' : 'ts';
  const program = `${import.meta.dir}/render-process.${extension}`;
  const child = Bun.spawn([process.execPath, program, task, file.path, file.type, file.folder], {
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
  if (child.exitCode !== 0 || !Value.Check(expected, result))
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
