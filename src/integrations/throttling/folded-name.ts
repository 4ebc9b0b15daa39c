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

const ASCII = /^[\x20-\x7f]*$/;
/**
 * What a collation may ignore: white space, what is not seen, marks on letters, the dot of `ŀ`, what stretches a word, and
 * a few signs of Arabic, Samaritan and Vedic.
 */
const IGNORED =
  /[\s\p{M}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}·\u0640\u07fa\u180a\ufe73\u06de\u0824\u0828\u1cd3\u1cf2\u1cf3]/gu;
/** Some collations know only 65,536 characters, and take all others for one. */
const BEYOND = /[\u{10000}-\u{10ffff}\p{Cs}]/gu;
const UNKNOWN = '\ufffd';
/** Letters for which `utf8mb4_unicode_ci` has others: phonetic ones, and counting rods of Bengali. */
const OTHERS = new Map(Object.entries({ ʪ: 'ls', ʫ: 'lz', ƍ: 'zw', '৴': '1', '৵': '2', '৶': '3', '৷': '4' }));

/**
 * A user name without everything that the collation of a database may ignore: names that a collation for all languages
 * takes for equal share one of these texts. Names that only some of them take for equal do, too: `straße`, `strasse` and
 * `strase`. Collations for one language may take more for equal, for example `mueller` for `müller`.
 *
 * @returns none for no name; two texts if some collations know all characters of the name, and others do not
 */
export function foldedNames(username: string): string[] {
  const seen = username.replace(IGNORED, '');
  if (seen === '') return username === '' ? [] : [UNKNOWN];
  // Normalizing a long name would take seconds. Only what no collation ignores may be cut off.
  const name = Array.from(seen.slice(0, 2 * LONGEST_NAME))
    .slice(0, LONGEST_NAME)
    .join('');
  return [...new Set([foldedName(name), foldedName(name.replace(BEYOND, UNKNOWN))])];
}

function foldedName(username: string): string {
  const plain = ASCII.test(username) ? username : baseLetters(username);
  // Some letters have no lower case of their own: `ß` meets `SS` in upper case.
  const folded = plain.toUpperCase().toLowerCase().replace(IGNORED, '');
  // `utf8mb4_general_ci` takes `ß` for one `s`.
  return folded.replaceAll('ς', 'σ').replace(/s+/g, 's');
}

function baseLetters(username: string): string {
  const characters = username
    .normalize('NFKD')
    .replace(IGNORED, '')
    .replace(BEYOND, (character) => {
      const letter = baseLetter(character);
      return letter === character ? UNKNOWN : letter;
    });
  return Array.from(characters, baseLetter).join('');
}

/** The letter that a character is a form of, for example `d` for `đ`; otherwise the character itself. */
function baseLetter(character: string): string {
  const other = OTHERS.get(character);
  if (other !== undefined) return other;
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
