/** @jsxImportSource preact */
import { Form, Next } from '../pages/layout';
import type { Visitor } from '../pages/visitor';
import type { SignInProviders } from './providers';

/** The part of the sign-in page for other providers. */
export const ProviderButtons = ({
  visitor,
  providers,
  next,
}: {
  visitor: Pick<Visitor, 'formToken'>;
  providers: Pick<SignInProviders, 'list'>;
  next: string | undefined;
}) =>
  providers.list.length === 0 ? null : (
    <>
      <p class="or">or</p>
      {providers.list.map(({ name, label }) => (
        <Form visitor={visitor} action={`/auth/providers/${name}`}>
          <Next next={next} />
          <div class="actions">
            <button type="submit">Sign in with {label}</button>
          </div>
        </Form>
      ))}
    </>
  );
