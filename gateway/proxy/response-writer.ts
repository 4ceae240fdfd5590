import { CODERS, occupyCompressor } from '../downstream/compression/coders';
import { type CompressedSink, CompressedStream } from '../downstream/compression/compressed-stream';
import { type Compression, compressionOf, IDENTITY } from '../downstream/compression/compression';
import { countSkipped } from '../downstream/compression/compression-counts';
import { canKeepAlive, connectionValue, type Exchange } from '../downstream/exchange';
import { pushResponseHead } from '../downstream/response-head';
import { type BodyEncoder, createBodyEncoder } from '../http1/body-encoder';
import { listOf } from '../http1/field-lines';
import { CHUNKED, type Framing, framingForClient, NO_BODY, UNTIL_CLOSE } from '../http1/framing';
import type { HeaderList, IncomingResponse } from '../http1/message';
import type { ContentCoding } from '../model/content-coding';
import { forwardedTrailers } from '../model/forwarded-fields';

/** Events of a response that is written to its client. */
export interface ResponseEvents {
  /** More of the body is accepted. */
  writerDrained(): void;
  /** All of it is written. @param keepAlive whether the connection can serve another request */
  written(keepAlive: boolean): void;
  writingFailed(failure: Error): void;
}

/** A whole body up to this size is compressed at once, within a millisecond: another thread would take longer. */
const MAX_BYTES_AT_ONCE = 16 * 1024;
const NO_TRAILERS: HeaderList = [];

/** A whole body that is compressed when it has been read. */
interface WholeBody {
  readonly response: IncomingResponse;
  readonly coding: ContentCoding;
  readonly compression: Compression;
  readonly parts: Buffer[];
}

/**
 * Writes a forwarded response to its client, compressed where the client asks for it. A class, because there is one for
 * every forwarded request.
 */
export class ResponseWriter implements CompressedSink {
  bytesOut = 0;
  private encoder: BodyEncoder = createBodyEncoder(NO_BODY);
  private keepAlive = false;
  private whole: WholeBody | null = null;
  private stream: CompressedStream | null = null;
  private trailers = NO_TRAILERS;

  constructor(
    private readonly exchange: Exchange,
    private readonly events: ResponseEvents,
  ) {}

  /** @param isWhole whether all of the body follows before `end`, within this turn */
  begin(response: IncomingResponse, isWhole: boolean): void {
    const { httpVersion } = this.exchange.context.request.head;
    const { framing } = response;
    const compression = this.compressionOf(response);
    const { coding } = compression;
    if (coding === null || framing.kind === 'none')
      this.writeHead(response, framingForClient(framing, httpVersion), compression);
    else if (isWhole && framing.kind === 'length' && framing.length <= MAX_BYTES_AT_ONCE)
      this.whole = { response, coding, compression, parts: [] };
    else if (occupyCompressor()) {
      this.stream = new CompressedStream(coding, this);
      this.writeHead(response, httpVersion === '1.1' ? CHUNKED : UNTIL_CLOSE, compression);
    } else this.writeHead(response, framingForClient(framing, httpVersion), IDENTITY);
  }

  private compressionOf({ status, headers, framing }: IncomingResponse): Compression {
    // The response to HEAD says what GET would be answered.
    const length = framing.kind === 'length' ? framing.length : lengthOfOmitted(framing, headers);
    return compressionOf(this.exchange, { status, length, fields: headers });
  }

  private writeHead(response: IncomingResponse, framing: Framing, compression: Compression): void {
    const { exchange } = this;
    this.keepAlive = canKeepAlive(exchange) && framing.kind !== 'until-close';
    this.encoder = createBodyEncoder(framing);
    const connection = connectionValue(exchange, this.keepAlive);
    pushResponseHead(exchange, response, { framing, connection, compression });
  }

  content(bytes: Buffer, start: number, end: number): void {
    if (this.whole !== null) this.whole.parts.push(bytes.subarray(start, end));
    else if (this.stream !== null) this.stream.content(bytes, start, end);
    else this.write(bytes, start, end);
  }

  private write(bytes: Buffer, start: number, end: number): void {
    this.bytesOut += end - start;
    this.encoder.content(bytes, start, end, this.exchange.client);
  }

  /** Sends what was written so far. False when no more is accepted: wait for `writerDrained`, or for the client's. */
  flush(): boolean {
    const isFlushed = this.exchange.client.flush();
    return this.stream === null ? isFlushed : this.stream.flush();
  }

  /** The client accepts more. */
  drained(): void {
    if (this.stream === null) this.events.writerDrained();
    else this.stream.resume();
  }

  end(trailers: HeaderList): void {
    this.trailers = trailers;
    if (this.stream !== null) {
      this.stream.end();
      return;
    }
    if (this.whole !== null) this.writeWhole(this.whole);
    this.finish();
  }

  private writeWhole({ response, coding, compression, parts }: WholeBody): void {
    this.whole = null;
    const body = Buffer.concat(parts);
    const compressed = CODERS[coding].now(body);
    const isSmaller = compressed.length < body.length;
    if (!isSmaller) countSkipped('not-smaller');
    const written = isSmaller ? compressed : body;
    this.writeHead(response, { kind: 'length', length: written.length }, isSmaller ? compression : IDENTITY);
    this.write(written, 0, written.length);
  }

  private finish(): void {
    const { client } = this.exchange;
    this.encoder.end(forwardedTrailers(this.trailers), client);
    client.flush();
    this.events.written(this.keepAlive);
  }

  /** The response will not be completed. */
  abandon(): void {
    this.stream?.destroy();
  }

  compressed(bytes: Buffer): boolean {
    this.write(bytes, 0, bytes.length);
    return this.exchange.client.flush();
  }

  compressorDrained(): void {
    this.events.writerDrained();
  }

  compressedEnd(): void {
    this.finish();
  }

  compressionFailed(failure: Error): void {
    this.events.writingFailed(failure);
  }
}

function lengthOfOmitted({ kind }: Framing, headers: HeaderList): number | null {
  if (kind !== 'none') return null;
  const length = listOf(headers, 'Content-Length');
  return length === null ? null : Number(length);
}
