// `nestjs-refresh-token/react`: the client in React.
/**
 * The name of this entry point.
 *
 * @example
 * console.log(nameOfEntry());
 */
export function nameOfEntry(): string {
  return 'nestjs-refresh-token/react';
}
