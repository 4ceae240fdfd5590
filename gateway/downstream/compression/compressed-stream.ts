import type { ContentCoding } from '../../model/content-coding';
import { CODERS, type Coder, releaseCompressor } from './coders';
import { countCompressed } from './compression-counts';

/** Receives a compressed body. */
export interface CompressedSink {
  /** @returns false when no more is accepted: wait for `resume` */
  compressed(bytes: Buffer): boolean;
  /** The compressor accepts more. */
  compressorDrained(): void;
  compressedEnd(): void;
  compressionFailed(failure: Error): void;
}

/**
 * Compresses a body on another thread as it arrives. Every packet is flushed, so that a slow response is relayed as it
 * comes; backpressure reaches the instance.
 */
export class CompressedStream {
  private readonly coder: Coder;
  private readonly flushOperation: number;
  private isFlushing = false;
  private isFlushDue = false;
  private isOver = false;

  /** The caller has occupied a compressor, which is released at the end. */
  constructor(
    private readonly coding: ContentCoding,
    sink: CompressedSink,
  ) {
    const { stream, flush } = CODERS[coding];
    this.coder = stream();
    this.flushOperation = flush;
    this.coder.on('data', (bytes: Buffer) => {
      countCompressed(coding, 0, bytes.length);
      if (!this.isOver && !sink.compressed(bytes)) this.coder.pause();
    });
    this.coder.on('drain', () => {
      if (!this.isOver) sink.compressorDrained();
    });
    this.coder.on('end', () => {
      if (this.settle()) sink.compressedEnd();
    });
    this.coder.on('error', (failure: Error) => {
      if (this.settle()) sink.compressionFailed(failure);
    });
  }

  content(bytes: Buffer, start: number, end: number): void {
    if (this.isOver) return;
    countCompressed(this.coding, end - start, 0);
    this.coder.write(bytes.subarray(start, end));
  }

  /** @returns false when no more is accepted: wait for `compressorDrained` */
  flush(): boolean {
    if (this.isOver) return true;
    if (this.isFlushing) this.isFlushDue = true;
    else this.startFlush();
    return !this.coder.writableNeedDrain;
  }

  /** One at a time: what arrives meanwhile is flushed together. */
  private startFlush(): void {
    this.isFlushing = true;
    this.isFlushDue = false;
    this.coder.flush(this.flushOperation, () => {
      this.isFlushing = false;
      if (this.isFlushDue && !this.isOver) this.startFlush();
    });
  }

  end(): void {
    if (!this.isOver) this.coder.end();
  }

  /** The sink accepts more. */
  resume(): void {
    if (!this.isOver) this.coder.resume();
  }

  /** Abandons the rest. */
  destroy(): void {
    if (this.settle()) this.coder.destroy();
  }

  private settle(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    releaseCompressor();
    return true;
  }
}
