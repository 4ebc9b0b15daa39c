/**
 * Control characters of C0 and C1 (for example line feeds and terminal escapes), other line breaks, and characters that
 * change the text direction.
 */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Escapes control characters, for example as `\u001b`. The text stays on one line, and a terminal does not interpret
 * it.
 */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
