/** The received bytes are no acceptable HTTP/1.1 message. The error message describes the defect, never the input. */
export class MalformedMessage extends Error {
  constructor(
    readonly status: 400 | 405 | 414 | 417 | 431 | 501 | 505,
    message: string,
  ) {
    super(message);
    this.name = 'MalformedMessage';
  }
}
