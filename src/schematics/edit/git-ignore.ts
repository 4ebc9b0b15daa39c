/**
 * Whether a .gitignore ignores this name at the root. The last matching line decides; `undefined` if no line matches.
 */
export function isIgnored(name: string, lines: string, { isFolder }: { isFolder: boolean }): boolean | undefined {
  const decisive = lines
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .findLast((line) => matches(line.replace(/^!/, ''), name, isFolder));
  return decisive === undefined ? undefined : !decisive.startsWith('!');
}

function matches(pattern: string, name: string, isFolder: boolean): boolean {
  if (pattern.endsWith('/') && !isFolder) return false;
  const glob = pattern.replace(/^(\*\*\/|\/)/, '').replace(/\/(\*\*)?$/, '');
  const source = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '[^/]*');
  return new RegExp(`^${source.replace(/\?/g, '[^/]')}$`).test(name);
}
