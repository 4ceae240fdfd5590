import { describe, expect, test } from 'bun:test';
import { classifyFailure, MailDeferred, MailRefused } from './smtp';

const failure = (fields: object) => Object.assign(new Error('about somebody@example.com'), fields);

describe('a failure to send', () => {
  test.each([
    ['an unknown recipient', { responseCode: 550, command: 'RCPT TO', response: '550 5.1.1 no such user' }],
    ['refused content', { responseCode: 554, command: 'DATA', response: '554 5.7.1 spam' }],
    ['an address that the library refuses', { code: 'EENVELOPE', command: 'API' }],
  ])('is permanent for %s', (_what, fields) => {
    expect(classifyFailure(failure(fields))).toBeInstanceOf(MailRefused);
  });

  test.each([
    ['a full mailbox', { responseCode: 452, command: 'RCPT TO', response: '452 4.2.2 full' }],
    ['greylisting', { responseCode: 450, command: 'RCPT TO', response: '450 4.7.1 later' }],
    ['an unavailable server', { code: 'ECONNECTION', command: 'CONN' }],
    ['a refused connection', { responseCode: 554, command: 'CONN', response: '554 no' }],
    ['wrong credentials', { responseCode: 535, command: 'AUTH PLAIN' }],
    ['missing authentication', { responseCode: 530, command: 'MAIL FROM', response: '530 5.7.0' }],
    ['an unknown failure', {}],
  ])('is transient for %s', (_what, fields) => {
    expect(classifyFailure(failure(fields))).toBeInstanceOf(MailDeferred);
  });

  test('is described by its codes, without the text of the server', () => {
    const { message } = classifyFailure(
      failure({
        responseCode: 550,
        command: 'RCPT TO',
        response: '550 5.1.1 <somebody@example.com> is unknown',
      }),
    );
    expect(message).toBe('the mail server refused the mail: 550 5.1.1');
  });
});
