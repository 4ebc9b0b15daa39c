import { LRUCache } from 'lru-cache';
import { LONGEST_NAME } from '../../auth/user/account-of.js';

/** Compares only what a letter is: not its case, its accents or its width, and a digit of any script by its value. */
const collator = new Intl.Collator('und', { sensitivity: 'base' });

/** The letters that others are folded to, in the order of the collation. */
const LETTERS = [
  ...rangeOf('a', 'z'),
  ...rangeOf('α', 'ω').filter((letter) => letter !== 'ς'),
  ...rangeOf('а', 'я'),
  ...rangeOf('א', 'ת').filter((letter) => !'ךםןףץ'.includes(letter)),
  // Without small and voiced ones.
  ...'あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわゐゑをん',
  ...['ae', 'ao', 'au', 'av', 'dz', 'oe', 'ss', 'ts'],
  ...Array.from({ length: 21 }, (_, number) => String(number)),
].sort(collator.compare);

const ASCII = /^[\x20-\x7e]*$/;
/** What no collation ignores. Some ignore everything else: white space, signs, marks on letters, and what is not seen. */
const COMPARED = /[\p{L}\p{N}\x21-\x7e]/u;
/** Letters that some collations ignore: what stretches Arabic, N’Ko and Mongolian words, and signs in other scripts. */
const IGNORED = new Set('\u0640\u07fa\u180a\ufe73\u0824\u0828\u1cd3\u1cf2\u1cf3');
/** Some collations know only 65,536 characters, and take all others for one. */
const BEYOND = /[\u{10000}-\u{10ffff}\p{Cs}]/gu;
const UNKNOWN = '\ufffd';
/** Letters for which some collations have others that these are not made of. */
const OTHERS = new Map(
  Object.entries({
    ...{ ʪ: 'ls', ʫ: 'lz', ƍ: 'zw', ỻ: 'll', ᵺ: 'th', ȸ: 'db', ȹ: 'qp' },
    ...{ '🆋': 'ic', '🆌': 'pa', '🆍': 'sa' },
    ...{ ꝏ: 'oo', ꜳ: 'aa', ꜩ: 'tz', ꜽ: 'ay', ꝡ: 'vy' },
    ...{ '৴': '1', '৵': '2', '৶': '3', '৷': '4' },
    ...{ '㉈': '10', '㉉': '20', '㉊': '30', '㉋': '40', '㉌': '50', '㉍': '60', '㉎': '70', '㉏': '80' },
  }),
);

/** Of each character, because the search takes time. */
const folded = new LRUCache<string, string>({ max: 10_000 });

/**
 * A user name without everything that the collation of a database may ignore: names that a collation for all languages
 * takes for equal share one of these texts. Names that only some of them take for equal do, too: `straße`, `strasse` and
 * `strase`. Collations for one language may take more for equal, for example `mueller` for `müller`.
 *
 * @returns none for no name; two texts if some collations know all characters of the name, and others do not
 */
export function foldedNames(username: string): string[] {
  if (username === '') return [];
  // No account has such a name. Cut off, it could be another one.
  if (username.length > 2 * LONGEST_NAME) return [UNKNOWN];
  const names = [username, username.replace(BEYOND, UNKNOWN)].map((name) => foldedName(name) || UNKNOWN);
  return [...new Set(names)];
}

function foldedName(username: string): string {
  const plain = ASCII.test(username) ? username.replaceAll(' ', '') : Array.from(username, foldedCharacter).join('');
  // Some letters have no lower case of their own: `ß` meets `SS` in upper case. `utf8mb4_general_ci` takes `ß` for one `s`.
  return plain.toUpperCase().toLowerCase().replaceAll('ς', 'σ').replace(/s+/g, 's');
}

/** '' for what may be ignored. */
function foldedCharacter(character: string): string {
  const known = folded.get(character);
  if (known !== undefined) return known;
  const letters = Array.from(OTHERS.get(character.toLowerCase()) ?? character.normalize('NFKD'), baseLetter);
  const compared = letters.filter((letter) => letter === UNKNOWN || (COMPARED.test(letter) && !IGNORED.has(letter)));
  const text = compared.map((letter) => letter.replace(BEYOND, UNKNOWN)).join('');
  folded.set(character, text);
  return text;
}

/** The letter that a character is a form of, for example `d` for `đ`; otherwise the character itself. */
function baseLetter(character: string): string {
  let [low, high] = [0, LETTERS.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = collator.compare(character, LETTERS[middle]);
    if (order === 0) return LETTERS[middle];
    if (order < 0) high = middle - 1;
    else low = middle + 1;
  }
  return character;
}

function rangeOf(first: string, last: string): string[] {
  const start = first.codePointAt(0)!;
  return Array.from({ length: last.codePointAt(0)! - start + 1 }, (_, index) => String.fromCodePoint(start + index));
}
