/** The version of command and engine. */
export const VERSION = '0.1.0';
