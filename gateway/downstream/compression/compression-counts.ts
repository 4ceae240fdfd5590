import { Counter, type Registry } from 'prom-client';
import { CONTENT_CODINGS, type ContentCoding } from '../../model/content-coding';

/** Why a response was sent as it is. */
const SKIP_REASONS = [
  /** At most 1 KiB. */
  'small',
  /** Its status has no body of its own. */
  'no-body',
  /** Not text, compressed already, or bound to its exact bytes. */
  'not-compressible',
  /** It may hold secrets. */
  'secret',
  'not-accepted',
  /** All compressors were in use. */
  'busy',
  'not-smaller',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

interface CodingCounts {
  input: number;
  output: number;
}

/** Plain numbers of this process: a response costs no look-up by labels. */
const codings: Readonly<Record<ContentCoding, CodingCounts>> = {
  zstd: { input: 0, output: 0 },
  br: { input: 0, output: 0 },
  gzip: { input: 0, output: 0 },
};
const skips: Record<SkipReason, number> = {
  small: 0,
  'no-body': 0,
  'not-compressible': 0,
  secret: 0,
  'not-accepted': 0,
  busy: 0,
  'not-smaller': 0,
};

export function countCompressed(coding: ContentCoding, input: number, output: number): void {
  const counts = codings[coding];
  counts.input += input;
  counts.output += output;
}

export function countSkipped(reason: SkipReason): void {
  skips[reason]++;
}

/** Registers the metrics of the response compression. */
export function exposeCompressionCounts(registry: Registry): void {
  const registers = [registry];
  const bytes = (name: string, direction: keyof CodingCounts, help: string) =>
    new Counter({
      name,
      help,
      labelNames: ['coding'] as const,
      registers,
      collect() {
        this.reset();
        for (const coding of CONTENT_CODINGS) this.inc({ coding }, codings[coding][direction]);
      },
    });
  bytes(
    'gateway_response_compression_input_bytes_total',
    'input',
    'Bytes of responses before their compression, by coding',
  );
  bytes(
    'gateway_response_compression_output_bytes_total',
    'output',
    'Bytes of responses after their compression, by coding',
  );
  new Counter({
    name: 'gateway_response_compression_skipped_total',
    help: 'Responses that were sent as they are while compression is on, by reason',
    labelNames: ['reason'] as const,
    registers,
    collect() {
      this.reset();
      for (const reason of SKIP_REASONS) this.inc({ reason }, skips[reason]);
    },
  });
}
