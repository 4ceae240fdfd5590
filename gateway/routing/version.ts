/** The current version of the API; a service registers further versions as routes. */
const VERSION = '/v1';

/** Length of the version a path begins with; 0 without one. */
export function versionEnd(path: string): number {
  return path.startsWith(VERSION) && isSegmentEnd(path, VERSION.length) ? VERSION.length : 0;
}

/** Whether a segment of a path ends at a position. */
export const isSegmentEnd = (path: string, position: number): boolean =>
  position === path.length || path.charCodeAt(position) === SLASH;

/** Where the segment that begins at `start` ends. */
export function segmentEnd(path: string, start: number): number {
  const slash = path.indexOf('/', start);
  return slash === -1 ? path.length : slash;
}

const SLASH = 0x2f;
