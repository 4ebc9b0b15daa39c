/** Characters. `POST /auth/login` takes no longer name. */
export const LONGEST_NAME = 255;

/**
 * The account that a user name stands for: names that a person takes for the same one give the same text. It ignores case,
 * white space at the ends, and the ways in which Unicode writes a character (NFKC).
 */
export function accountOf(username: string): string {
  const name = username.slice(0, LONGEST_NAME).normalize('NFKC').trim();
  // Some letters have no lower case of their own: `STRASSE` and `straße` meet in upper case.
  return name.toUpperCase().toLowerCase().normalize('NFKC');
}
