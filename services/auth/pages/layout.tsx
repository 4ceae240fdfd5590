/** @jsxImportSource preact */
import type { ComponentChildren } from 'preact';
import { htmlPage, type Page } from '#kit/http/html/page';
import { FORM_TOKEN } from './form-tokens';
import type { Visitor } from './visitor';

/** A form that is sent with POST, with the token of its browser. */
export const Form = ({
  visitor,
  action,
  inline = false,
  children,
}: {
  visitor: Pick<Visitor, 'formToken'>;
  /** A path of ours. */
  action: string;
  inline?: boolean;
  children: ComponentChildren;
}) => (
  <form method="post" action={action} class={inline ? 'inline' : undefined}>
    <input type="hidden" name={FORM_TOKEN} value={visitor.formToken} />
    {children}
  </form>
);

/** The page to go on to, kept from page to page. */
export const Next = ({ next }: { next: string | undefined }) =>
  next === undefined ? null : <input type="hidden" name="next" value={next} />;

/** A page that says at its head who is signed in. */
export const visitorPage = (visitor: Visitor, page: Page): Response =>
  htmlPage({ ...page, ...(visitor.session !== null && { aside: <Who visitor={visitor} /> }) });

const Who = ({ visitor }: { visitor: Visitor }) => (
  <nav class="who" aria-label="Account">
    <b>{visitor.session?.username}</b>
    <Form visitor={visitor} action="/auth/sign-out" inline>
      <button type="submit">Sign out</button>
    </Form>
  </nav>
);
