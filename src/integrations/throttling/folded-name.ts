/** Characters that are looked at. `POST /auth/login` takes names of 255. */
const MOST_CHARACTERS = 1_000;

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
/** What a collation may ignore: white space, what is not seen, the dot of `ŀ`, and what stretches Arabic words. */
const IGNORED = /[\s·\u0640\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** Some collations know only 65,536 characters, and take all others for one. */
const UNKNOWN = /[\u{10000}-\u{10ffff}\p{Cs}]/gu;

/**
 * A user name without everything that the collation of a database may ignore. Names that any usual collation takes for
 * equal give the same text. Names that only some collations take for equal do, too: `straße`, `strasse` and `strase`.
 */
export function foldedName(username: string): string {
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
    .replace(UNKNOWN, '\ufffd')
    .slice(0, MOST_CHARACTERS);
  return Array.from(characters, baseLetter).join('').replace(/\p{M}/gu, '');
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
