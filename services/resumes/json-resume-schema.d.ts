declare module '@jsonresume/schema' {
  /** Calls back synchronously, with the errors or null. */
  export function validate(
    resume: unknown,
    callback: (
      errors: readonly { readonly path: readonly (string | number)[]; readonly message: string }[] | null,
      valid: boolean,
    ) => void,
  ): void;
}
