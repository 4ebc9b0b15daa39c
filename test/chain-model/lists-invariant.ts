import type { Row } from './model.js';

/** Characters of an entry of a list, and of the hash that it starts with. */
const ENTRY = 16;
const HASH = 12;

/** What holds between two rows of which one was written over the other. */
export const ListsInvariant = {
  /** @throws Error if the generation goes back, or if a list loses a use */
  assert(before: Row, after: Row): void {
    if (after.listsVersion <= before.listsVersion)
      throw broken('The version of the lists does not rise', before, after);
    if (after.generation < before.generation) throw broken('The generation goes back', before, after);
    if (after.generation === before.generation) {
      if (after.keys.id !== before.keys.id) throw broken('A repeat changes the keys', before, after);
      if (after.givenBefore !== before.givenBefore) throw broken('A repeat changes the older list', before, after);
      if (!contains(after.given, before.given)) throw broken('A list loses a use', before, after);
    } else {
      const rotated = after.generation === before.generation + 1;
      // A row that is one behind is adopted to the generation after the next.
      const expected = rotated ? before.given : null;
      if (after.givenBefore !== expected) throw broken('A rotation does not keep the list', before, after);
      if (after.given?.length !== ENTRY) throw broken('A rotation starts with more than its own use', before, after);
    }
  },
};

function contains(list: string | null, part: string | null): boolean {
  if (list === part || part === null) return true;
  if (list === null) return false;
  for (let at = 0; at < part.length; at += ENTRY) if (!hasHash(list, part.slice(at, at + HASH))) return false;
  return true;
}

function hasHash(list: string, hash: string): boolean {
  for (let at = 0; at < list.length; at += ENTRY) if (list.startsWith(hash, at)) return true;
  return false;
}

function broken(what: string, before: Row, after: Row): Error {
  return new Error(`${what}: ${JSON.stringify(before)} became ${JSON.stringify(after)}`);
}
