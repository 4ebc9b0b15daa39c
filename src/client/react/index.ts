// `nestjs-refresh-token/react`: the client in React.
/**
 * The name of this entry point.
 *
 * @example
 * console.log(ENTRY);
 */
export const ENTRY = 'nestjs-refresh-token/react';
