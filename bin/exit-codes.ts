// Exit codes (design 6.1) and the environment as commands are given it.

export const EXIT_EQUAL = 0;
export const EXIT_NOT_EQUAL = 1;
export const EXIT_USAGE = 2;

export type Environment = Readonly<Record<string, string | undefined>>;
