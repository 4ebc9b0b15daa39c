/** Controls of C0 and C1 (line feeds, terminal escapes), and what else ends a line or turns its direction. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** The text with its control characters shown as `\u001b`, so that it stays one line, and a terminal obeys nothing in it. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
