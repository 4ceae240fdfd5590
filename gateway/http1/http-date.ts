let formattedAtMs = Number.NEGATIVE_INFINITY;
let formatted = '';

/** The present time as RFC 9110, 5.6.7, writes it. Formatted at most once a second. */
export function httpDate(): string {
  const nowMs = Date.now();
  if (nowMs - formattedAtMs >= 1_000 || nowMs < formattedAtMs) {
    formattedAtMs = nowMs - (nowMs % 1_000);
    formatted = new Date(nowMs).toUTCString();
  }
  return formatted;
}
