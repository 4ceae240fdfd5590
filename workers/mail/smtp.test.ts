import { describe, expect, test } from 'bun:test';
import { MailDeferred, MailRefused, meaningOf } from './smtp';

const failure = (fields: object) => Object.assign(new Error('told of somebody@example.com'), fields);

describe("a mail server's answer", () => {
  test.each([
    ['an unknown recipient', { responseCode: 550, command: 'RCPT TO', response: '550 5.1.1 no such user' }],
    ['content it does not want', { responseCode: 554, command: 'DATA', response: '554 5.7.1 spam' }],
    ['an address the library does not take', { code: 'EENVELOPE', command: 'API' }],
  ])('is final for %s', (_what, fields) => {
    expect(meaningOf(failure(fields))).toBeInstanceOf(MailRefused);
  });

  test.each([
    ['a full mailbox', { responseCode: 452, command: 'RCPT TO', response: '452 4.2.2 full' }],
    ['a grey list', { responseCode: 450, command: 'RCPT TO', response: '450 4.7.1 later' }],
    ['a server that is away', { code: 'ECONNECTION', command: 'CONN' }],
    ['a server that greets nobody', { responseCode: 554, command: 'CONN', response: '554 no' }],
    ['a wrong password, which is not the mail’s fault', { responseCode: 535, command: 'AUTH PLAIN' }],
    ['a password that is wanted first', { responseCode: 530, command: 'MAIL FROM', response: '530 5.7.0' }],
    ['something unknown', {}],
  ])('is worth another try for %s', (_what, fields) => {
    expect(meaningOf(failure(fields))).toBeInstanceOf(MailDeferred);
  });

  test('is told by its codes, without what the server repeats', () => {
    const { message } = meaningOf(
      failure({
        responseCode: 550,
        command: 'RCPT TO',
        response: '550 5.1.1 <somebody@example.com> is unknown',
      }),
    );
    expect(message).toBe('the mail server refused it with 550 5.1.1');
  });
});
