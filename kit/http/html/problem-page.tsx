/** @jsxImportSource preact */
import type { Problem } from '../../errors/problem';
import { Card } from './controls';
import { htmlPage, type Page } from './page';

/** What a person reads: a heading, and what to do. */
type Words = readonly [heading: string, advice: string];

const BY_STATUS: Readonly<Record<number, Words>> = {
  400: ['This request cannot be read', 'Go back and try again.'],
  401: ['Sign in first', 'This page is for people who are signed in.'],
  403: ['This was refused', 'Go back, reload the page and try again.'],
  404: ['Page not found', 'Check the address. The page may have been moved or removed.'],
  405: ['This page cannot be used that way', 'Go back and try again.'],
  410: ['This link cannot be used any more', 'It has been used, or it has expired. Ask for a new one.'],
  413: ['That is too much', 'Go back and enter less.'],
  415: ['This form cannot be read', 'Go back, reload the page and try again.'],
  422: ['This form cannot be read', 'Go back, reload the page and try again.'],
  429: ['Too many attempts', 'Wait a little before you try again.'],
  503: ['Rookery is busy', 'Try again in a moment.'],
};
const REFUSED: Words = ['This did not work', 'Go back and try again.'];
const FAILED: Words = ['Something went wrong', 'It is our fault, not yours. Try again in a moment.'];

/** Responds with the page of a problem: for browsers that ask for HTML where others get the problem document. */
export const problemPage = (problem: Problem, requestId: string): Response =>
  htmlPage(pageOfProblem(problem, requestId));

/** @param requestId by which operators find the request in the log */
export function pageOfProblem(problem: Problem, requestId: string): Page {
  const { status, headers } = problem;
  const [heading, advice] = BY_STATUS[status] ?? (status >= 500 ? FAILED : REFUSED);
  const wait = waitIn(headers['retry-after']);
  return {
    title: heading,
    status,
    headers: { ...headers, 'x-request-id': requestId },
    body: (
      <Card heading={heading}>
        <p>{wait === undefined ? advice : `Try again in ${wait}.`}</p>
        {status >= 500 && <p class="quiet">If it happens again, tell us this number: {requestId}</p>}
      </Card>
    ),
  };
}

/** @param seconds a `Retry-After`. @returns it in words; undefined where there is none */
export function waitIn(seconds: string | undefined): string | undefined {
  const wait = Number(seconds);
  if (!(wait > 0)) return undefined;
  if (wait <= 60) return `${wait} ${wait === 1 ? 'second' : 'seconds'}`;
  return `${Math.ceil(wait / 60)} minutes`;
}
