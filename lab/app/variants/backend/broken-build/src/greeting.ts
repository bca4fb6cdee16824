/** Does not compile: a number is no text. */
export const GREETING: string = 42;
