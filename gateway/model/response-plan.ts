import type { HeaderList, IncomingResponse } from '../http1/message';

/** Observes a response while it is relayed. */
export interface ResponseRecorder {
  begin(response: IncomingResponse): void;
  content(bytes: Buffer, start: number, end: number): void;
  /** The response is complete. */
  end(trailers: HeaderList): void;
}

/** What admission decided about the response, whoever produces it. */
export interface ResponsePlan {
  /** Header lines added by the gateway; each ends with CR LF. */
  readonly headerLines: string;
  /** Records the response for the cache. */
  readonly recorder: ResponseRecorder | null;
}
