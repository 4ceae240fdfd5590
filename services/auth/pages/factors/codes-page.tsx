/** @jsxImportSource preact */
import { Card } from '#kit/http/html/controls';
import { visitorPage } from '../layout';
import type { Visitor } from '../visitor';

/** Shows recovery codes, this once. */
export const codesPage = (
  visitor: Visitor,
  { heading, codes, back }: { heading: string; codes: readonly string[]; back: string },
): Response =>
  visitorPage(visitor, {
    title: heading,
    body: (
      <Card heading={heading}>
        <p>
          Keep these recovery codes where you find them without your devices: print them, or put them into a
          password manager. Each of them signs in once when you have lost everything else.{' '}
          <b>They are not shown again.</b>
        </p>
        <ul class="codes">
          {codes.map((code) => (
            <li>{code}</li>
          ))}
        </ul>
        <div class="actions">
          <a class="button primary" href={back}>
            I have kept them
          </a>
        </div>
      </Card>
    ),
  });
