/** How a file is written, as far as its text shows. */
export interface TextStyle {
  readonly eol: '\n' | '\r\n';
  /** One level of indentation. */
  readonly indent: string;
  readonly quote: "'" | '"';
  readonly semicolon: ';' | '';
}

export function styleOf(text: string): TextStyle {
  const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
  const spaces = [...text.matchAll(/^( +)\S/gm)].map(([, { length }]) => length).filter((length) => length > 1);
  const isTabbed = /^\t/m.test(text);
  const isWide = spaces.length > 0 && spaces.every((length) => length % 4 === 0);
  return {
    eol: text.includes('\r\n') ? '\r\n' : '\n',
    indent: isTabbed ? '\t' : isWide ? '    ' : '  ',
    quote: count(/from "/g) > count(/from '/g) ? '"' : "'",
    semicolon: count(/from ['"][^'"]*['"];/g) >= count(/from ['"][^'"]*['"]\s*$/gm) ? ';' : '',
  };
}

/** Writes a text as another one is written. The text has LF, two spaces and single quotes. */
export function inStyle(text: string, { eol, indent, quote }: TextStyle, base = ''): string {
  return text
    .split('\n')
    .map((line, index) => {
      const [, spaces, rest] = /^((?: {2})*)(.*)$/.exec(line)!;
      const isComment = /^(\/\/|\/?\*)/.test(rest.trimStart());
      const quoted = quote === "'" || isComment ? rest : rest.replace(/'([^'"]*)'/g, '"$1"');
      const margin = index === 0 || rest === '' ? '' : base;
      return `${margin}${indent.repeat(spaces.length / 2)}${quoted}`;
    })
    .join(eol);
}

/** The white space at the start of the line of this position. */
export function indentAt(text: string, position: number): string {
  const start = text.lastIndexOf('\n', position - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start).replace(/^\uFEFF/, ''))![0];
}

/** The text from the start of the first line to the end of the last. */
export function linesAround(text: string, start: number, end: number): string {
  return text.slice(text.lastIndexOf('\n', start - 1) + 1, `${text}\n`.indexOf('\n', end)).replace(/\r$/, '');
}
