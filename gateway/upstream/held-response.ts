import type { IncomingResponse } from '../http1/message';

/** Responses up to this size are held back for their rest. */
const MAX_HELD_BYTES = 64 * 1024;

/**
 * A small response whose body is incomplete, held back for a moment: when the rest follows at once, a truncated response
 * can still be retried on another instance; one that arrives slowly is relayed as it arrives.
 */
export class HeldResponse {
  private readonly parts: Buffer[];
  private readonly timer: Timer;

  /** @param expired called when the rest has not followed within `holdMs` */
  constructor(
    readonly head: IncomingResponse,
    first: Buffer,
    holdMs: number,
    expired: () => void,
  ) {
    this.parts = [first];
    this.missingBytes = missingBytes(head, first.length);
    this.timer = setTimeout(expired, holdMs);
  }

  private missingBytes: number;

  /** @returns whether the body is complete */
  add(bytes: Buffer): boolean {
    this.parts.push(bytes);
    this.missingBytes -= bytes.length;
    return this.missingBytes <= 0;
  }

  /** Ends the hold. @returns what was received of the body */
  release(): Buffer {
    clearTimeout(this.timer);
    return Buffer.concat(this.parts);
  }

  discard(): void {
    clearTimeout(this.timer);
  }
}

/** Missing bytes of a response that is small enough to be held; 0 for every other. */
export const missingBytes = ({ framing }: IncomingResponse, received: number): number =>
  framing.kind === 'length' && framing.length <= MAX_HELD_BYTES ? Math.max(0, framing.length - received) : 0;
