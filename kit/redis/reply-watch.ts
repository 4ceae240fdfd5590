/** A probe is sent after a tick in which commands were sent; it may take six further ticks. */
const TICKS = 8;
const PROBE_TICKS = 6;

export interface ReplyWatch {
  /** To be set when a command is sent. */
  hasSent: boolean;
  stop(): void;
}

/**
 * Notices that a connection does not answer. Redis replies in the order of the commands, so one `PING` speaks for all commands
 * before it: this costs a command no timer. A command waits at most `replyTimeoutMs`, seven ticks. They are counted, not
 * measured: when this process was paused, replies that have arrived meanwhile are read before the next tick.
 *
 * @param ping sends a probe
 * @param onSilence called once when its reply is late
 */
export function watchReplies(
  ping: () => Promise<unknown>,
  replyTimeoutMs: number,
  onSilence: () => void,
): ReplyWatch {
  const watch: ReplyWatch = { hasSent: true, stop: () => clearTimeout(timer) };
  const next = () => setTimeout(tick, replyTimeoutMs / TICKS);
  let isWaiting = false;
  let ticks = 0;
  let timer = next();

  function tick(): void {
    ticks++;
    if (isWaiting && ticks > PROBE_TICKS) {
      onSilence();
      return;
    }
    // Also without commands: a connection that only receives notifications must not be dead for long.
    if (!isWaiting && (watch.hasSent || ticks >= TICKS)) probe();
    timer = next();
  }

  function probe(): void {
    watch.hasSent = false;
    isWaiting = true;
    ticks = 0;
    const answered = () => {
      isWaiting = false;
    };
    // A failed connection reports that itself; an error is a reply.
    ping().then(answered, answered);
  }

  return watch;
}
