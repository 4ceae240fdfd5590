/** What a version has of its original, and of the copy without metadata. */
interface Contents {
  readonly sha256: string;
  readonly size: number;
  readonly copySha256: string | null;
  readonly copySize: number | null;
}

/** Which bytes somebody gets. */
export interface Shown {
  readonly sha256: string;
  readonly size: number;
}

/** The copy without metadata; undefined where there is none. */
export const copyOf = ({ copySha256, copySize }: Contents): Shown | undefined =>
  copySha256 === null || copySize === null ? undefined : { sha256: copySha256, size: copySize };

/** The checksum of what others than the owner get, or will get: it makes URLs change with the content. */
export const shownChecksum = (version: Contents): string => copyOf(version)?.sha256 ?? version.sha256;
