/** Proves to services that requests come from the gateway, so that they believe its forwarding fields. */
export interface ForwardingProofs {
  /**
   * Whether `lineFor` has a valid token for a service; one that becomes old is replaced in the background.
   *
   * @param nowMs monotonic
   */
  isReady(service: string, nowMs: number): boolean;
  /** Signs a token for a service. */
  prepare(service: string): Promise<void>;
  /** The header line for requests to a service, ending with CR LF; empty before `prepare`. */
  lineFor(service: string): string;
}
