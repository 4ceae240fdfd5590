/**
 * The text of server-sent events (WHATWG HTML, section 9.2.5), for every event stream.
 */

export interface ServerSentEvent {
  /** Sent by clients as `Last-Event-ID` to resume here; omitted for streams that cannot be resumed. */
  readonly id?: string;
  readonly event: string;
  /** Sent as JSON, which never holds a line break. */
  readonly data: unknown;
}

export const eventFrame = ({ id, event, data }: ServerSentEvent): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/**
 * A comment that keeps proxies from closing an idle stream.
 *
 * @param id moves the client's position without an event, so that it does not resume further back than it has to
 */
export const commentFrame = (id?: string): string => (id === undefined ? ':\n\n' : `:\nid: ${id}\n\n`);

/** Moves the client's position without an event. */
export const positionFrame = (id: string): string => `id: ${id}\n\n`;

/** How long the client waits before it reconnects. */
export const retryFrame = (ms: number): string => `retry: ${ms}\n\n`;
