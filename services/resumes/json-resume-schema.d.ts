declare module '@jsonresume/schema' {
  /** Calls back before it returns: with what is wrong, or with null. */
  export function validate(
    resume: unknown,
    callback: (
      errors: readonly { readonly path: readonly (string | number)[]; readonly message: string }[] | null,
      valid: boolean,
    ) => void,
  ): void;
}
