/** Why the server closes a connection. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/**
 * 3000 to 3499: the client reconnects, with `?after_seq=`. 3500 and above: reconnecting in the same way would fail again.
 * The numbers are Centrifugo's where it has one for the case. RFC 6455's own codes are sent for invalid frames: 1002,
 * 1007 for text that is not UTF-8, 1009 for more than 64 KiB.
 */
export const CLOSE = {
  shutdown: { code: 3001, reason: 'shutdown' },
  roomGone: { code: 3004, reason: 'room gone' },
  tokenExpired: { code: 3005, reason: 'token ended' },
  slow: { code: 3008, reason: 'slow' },
  unavailable: { code: 3010, reason: 'history unavailable' },
  noPong: { code: 3012, reason: 'no pong' },
  tokenRevoked: { code: 3500, reason: 'token revoked' },
  notText: { code: 3501, reason: 'text frames only' },
  tooManyConnections: { code: 3504, reason: 'too many connections' },
  notAMember: { code: 3507, reason: 'not a member' },
  tooManyErrors: { code: 3509, reason: 'too many errors' },
  tooManyMessages: { code: 3510, reason: 'too many messages' },
} as const satisfies Record<string, CloseReason>;
