/** Settings of HTTP Strict Transport Security (RFC 6797). */
export interface StrictTransportSettings {
  /** Seconds; 0 disables it. */
  readonly HSTS_MAX_AGE: number;
  readonly HSTS_INCLUDE_SUBDOMAINS: boolean;
}

/** The header line that keeps browsers from plain HTTP; empty where it is disabled. */
export const strictTransportLine = (settings: StrictTransportSettings): string =>
  settings.HSTS_MAX_AGE === 0
    ? ''
    : `Strict-Transport-Security: max-age=${settings.HSTS_MAX_AGE}${settings.HSTS_INCLUDE_SUBDOMAINS ? '; includeSubDomains' : ''}\r\n`;
