import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';

interface SourceMap {
  readonly sources: readonly string[];
  sourcesContent: null[];
  mappings: string;
}

/**
 * Makes a bundle's source map small: a process reads it as soon as anything asks for a stack, as mysql2 does with
 * every query, and keeps it (measured: 10 MB for a service). Frames in the project's own code keep their exact line;
 * those in packages keep their file only, and name its first line.
 *
 * @param file ECMA-426, with a `mappings` string; written over
 */
export async function slimSourceMap(file: string): Promise<void> {
  const map: SourceMap = await Bun.file(file).json();
  const isPackage = map.sources.map((source) => source.includes('node_modules/'));
  map.sourcesContent = map.sources.map(() => null);
  map.mappings = encode(decode(map.mappings).map((segments) => slimLine(segments, isPackage)));
  await Bun.write(file, JSON.stringify(map));
}

function slimLine(segments: readonly SourceMapSegment[], isPackage: readonly boolean[]): SourceMapSegment[] {
  const kept: SourceMapSegment[] = [];
  let current: number | undefined;
  for (const segment of segments) {
    const source = segment[1];
    if (source === undefined || !isPackage[source]) kept.push(segment);
    else if (source !== current) kept.push([segment[0], source, 0, 0]);
    current = source;
  }
  return kept;
}
