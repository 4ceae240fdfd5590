declare module '@jsonresume/schema' {
  export interface SchemaError {
    readonly path: readonly (string | number)[];
    readonly message: string;
    /** The keyword that failed, such as `format`, its value in the schema, and what was validated. */
    readonly name: string;
    readonly argument: unknown;
    readonly instance: unknown;
  }

  interface Property {
    readonly $ref?: string;
  }

  export const schema: {
    readonly properties: Readonly<
      Record<string, { readonly items?: { readonly properties?: Readonly<Record<string, Property>> } }>
    >;
  };

  /** Calls back synchronously, with the errors or null. */
  export function validate(
    resume: unknown,
    callback: (errors: readonly SchemaError[] | null, valid: boolean) => void,
  ): void;
}
