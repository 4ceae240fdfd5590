/** Bytes that are not an HTTP/1.1 message this gateway accepts. The message says what is wrong, never what was sent. */
export class MalformedMessage extends Error {
  constructor(
    readonly status: 400 | 405 | 414 | 417 | 431 | 501 | 505,
    message: string,
  ) {
    super(message);
    this.name = 'MalformedMessage';
  }
}
