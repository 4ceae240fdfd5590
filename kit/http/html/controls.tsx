/** @jsxImportSource preact */
import type { ComponentChildren } from 'preact';
import type { FieldError } from '../../errors/problem';

/** The content of a page, or a part of it. The first one of a page has its heading. */
export const Card = ({ heading, children }: { heading?: string; children?: ComponentChildren }) => (
  <section class="card">
    {heading !== undefined && <h1>{heading}</h1>}
    {children}
  </section>
);

export interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly type?: 'text' | 'email' | 'password';
  readonly hint?: string;
  /** What was typed before; never that of a password. */
  readonly value?: string;
  /** Of the whole form; the one of this field is shown beside it. */
  readonly errors?: readonly FieldError[];
  /** Says what a browser or password manager may fill in (WCAG 2.2, 1.3.5). */
  readonly autocomplete: string;
  readonly inputmode?: 'text' | 'email' | 'numeric';
  readonly maxlength?: number;
  readonly required?: boolean;
  /** The first field that is to be filled in: focused when the page opens. */
  readonly autofocus?: boolean;
  readonly class?: string;
}

/** A labelled text field with its hint and its error. */
export function Field({ name, label, hint, errors = [], type = 'text', value, ...props }: FieldProps) {
  const error = errors.find(({ field }) => field === name);
  const describedBy = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(' ');
  const input = {
    id: name,
    name,
    class: props.class,
    autocomplete: props.autocomplete,
    inputmode: props.inputmode,
    maxlength: props.maxlength,
    autocapitalize: 'none' as const,
    spellcheck: false,
    required: props.required !== false,
    // After a failure, where it is.
    autofocus: errors.length === 0 ? props.autofocus : errors[0]?.field === name,
    'aria-invalid': error === undefined ? undefined : ('true' as const),
    'aria-describedby': describedBy || undefined,
  };
  return (
    <div class="field">
      <label for={name}>{label}</label>
      {hint !== undefined && (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
      {type === 'password' && <input {...input} type="password" />}
      {type === 'email' && <input {...input} type="email" value={value} />}
      {type === 'text' && <input {...input} type="text" value={value} />}
      {error !== undefined && (
        <p class="error" id={`${name}-error`}>
          {error.message}
        </p>
      )}
    </div>
  );
}

/** A message about the page as a whole. A bad one is read out at once. */
export const Notice = ({ bad = false, children }: { bad?: boolean; children: ComponentChildren }) => (
  <div class={bad ? 'notice bad' : 'notice'} role={bad ? 'alert' : 'status'}>
    <p>{children}</p>
  </div>
);
