// Warns about prose that is hard to read: `node scripts/prose.js [--strict] [FILE…]`. The words to avoid are in CONTRIBUTING.md.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

export const LIMITS = { sentence: 25, cell: 80, readme: 200 };

/** The files of the repository whose prose people read. */
export function filesWithProse() {
  const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  return tracked.split('\n').filter((file) => /^([A-Z]+\.md|docs\/(?!api\/).*\.md|src\/.*\.(ts|html))$/.test(file));
}

/**
 * What is hard to read in a file.
 *
 * @param {string} file its name decides how it is read
 * @param {string} text
 * @returns {{ line: number, message: string }[]}
 */
export function findings(file, text) {
  const passages = passagesOf(file, text);
  const found = passages.flatMap(({ line, prose }) => [
    ...sentences(prose)
      .map((sentence) => ({ sentence, words: words(sentence) }))
      .filter(({ words }) => words > LIMITS.sentence)
      .map(({ sentence, words }) => ({ line, message: `a sentence of ${words} words: ${start(sentence)}` })),
    ...avoided(prose).map(({ phrase, instead }) => ({ line, message: `"${phrase}": write ${instead}` })),
  ]);
  if (file.endsWith('.md')) found.push(...wideCells(text));
  const lines = text.trimEnd().split('\n').length;
  if (file === 'README.md' && lines > LIMITS.readme)
    found.push({ line: lines, message: `more than ${LIMITS.readme} lines` });
  return found;
}

/** The longest sentence, in words, and the widest cell, in characters. */
export function figures(file, text) {
  const counts = passagesOf(file, text).flatMap(({ prose }) => sentences(prose).map(words));
  return { sentence: Math.max(0, ...counts), cell: Math.max(0, ...cells(text).map(({ cell }) => cell.length)) };
}

function passagesOf(file, text) {
  if (file.endsWith('.md')) return ofMarkdown(text);
  if (file.endsWith('.html')) return ofHtml(text);
  return ofTypeScript(file, text);
}

/** Paragraphs, items of lists, headings and cells, each by itself. */
function ofMarkdown(text) {
  const passages = [];
  let passage;
  let fence;
  const end = () => (passage = undefined);
  for (const [index, raw] of text.split('\n').entries()) {
    const marker = /^\s*(```+|~~~+)/.exec(raw)?.[1];
    if (marker && (fence === undefined || raw.trim() === fence)) {
      fence = fence === undefined ? marker : undefined;
      end();
      continue;
    }
    if (fence !== undefined) continue;
    const line = raw.replace(/<!--.*?-->/g, '').trim();
    if (line === '') end();
    else if (line.startsWith('|')) {
      end();
      for (const cell of line.split('|').slice(1, -1)) passages.push({ line: index + 1, prose: plain(cell) });
    } else if (/^(#{1,6}|[-*+]|\d+\.)\s/.test(line)) {
      passage = { line: index + 1, prose: line.replace(/^(#{1,6}|[-*+]|\d+\.)\s+/, '') };
      passages.push(passage);
      if (line.startsWith('#')) end();
    } else if (passage) passage.prose += ` ${line}`;
    else passages.push((passage = { line: index + 1, prose: line }));
  }
  return passages.map(({ line, prose }) => ({ line, prose: plain(prose) }));
}

function ofHtml(text) {
  const bare = text.replace(/<(script|style)[\s\S]*?<\/\1>/g, (block) => block.replace(/[^\n]/g, ' '));
  return bare
    .split('\n')
    .map((line, index) => ({ line: index + 1, prose: plain(line.replace(/<[^>]*>/g, ' ')) }))
    .filter(({ prose }) => prose !== '');
}

/** Comments, docstrings without their examples, and messages. */
function ofTypeScript(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const lineAt = (position) => source.getLineAndCharacterOfPosition(position).line + 1;
  const passages = [];
  let comment;
  for (const { pos, end } of commentsOf(source)) {
    const written = text.slice(pos, end);
    const line = lineAt(pos);
    if (written.startsWith('//')) {
      const prose = written.replace(/^\/\/+\s?/, '');
      const isAlone = text.slice(text.lastIndexOf('\n', pos) + 1, pos).trim() === '';
      // Lines that follow each other are one comment, unless they follow code.
      if (isAlone && comment?.last === line - 1)
        Object.assign(comment, { prose: `${comment.prose} ${prose}`, last: line });
      else passages.push((comment = { line, last: line, prose }));
    } else passages.push(...ofDocstring(written, line));
  }
  const visit = (node) => {
    const message = messageOf(node);
    if (message !== undefined) passages.push({ line: lineAt(node.getStart()), prose: message });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return passages.map(({ line, prose }) => ({ line, prose: plain(prose) }));
}

function commentsOf(source) {
  const found = new Map();
  const add = (ranges) => ranges?.forEach((range) => found.set(range.pos, range));
  const visit = (node) => {
    add(ts.getLeadingCommentRanges(source.text, node.getFullStart()));
    add(ts.getTrailingCommentRanges(source.text, node.getEnd()));
    node.getChildren(source).forEach(visit);
  };
  visit(source);
  return [...found.values()].sort((one, other) => one.pos - other.pos);
}

function ofDocstring(written, line) {
  const lines = written.replace(/^\/\*+|\*+\/$/g, '').split('\n');
  const bare = lines.map((one) => one.replace(/^\s*\* ?/, '')).join('\n');
  const [text, ...tags] = bare.split(/^\s*@(?=\w)/m);
  const said = tags.filter((tag) => !/^(example|default)\b/.test(tag)).map((tag) => tag.replace(/^\w+/, ''));
  return [text, ...said].flatMap((one) => ofMarkdown(one)).map(({ prose }) => ({ line, prose }));
}

/** A string or template that a person may read: at least five words. */
function messageOf(node) {
  let text;
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) text = node.text;
  else if (ts.isTemplateExpression(node)) {
    text = node.head.text + node.templateSpans.map(({ literal }) => `x${literal.text}`).join('');
  }
  const isProse =
    text !== undefined &&
    words(text) >= 5 &&
    /[a-z] [a-z]/.test(text) &&
    !/^\s*(SELECT|UPDATE|INSERT|DELETE|CREATE|ALTER|DROP|local )/i.test(text);
  return isProse ? text : undefined;
}

/** Without code, links and marks; code counts as one word. */
function plain(text) {
  return text
    .replace(/`[^`]*`/g, 'x')
    .replace(/\{@link (\S+?)\}/g, 'x')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/https?:\/\/\S+/g, 'x')
    .replace(/\*\*|__|<[^>]+>/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

const sentences = (prose) => prose.split(/(?<=[.:;?!…])["')]*\s+/);
const words = (sentence) => sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length;
const start = (sentence) => `${sentence.split(' ').slice(0, 8).join(' ')} …`;

function cells(text) {
  const lines = text.split('\n');
  return lines.flatMap((line, index) =>
    line.startsWith('|') ? line.split('|').map((cell) => ({ line: index + 1, cell: cell.trim() })) : [],
  );
}

function wideCells(text) {
  return cells(text)
    .filter(({ cell }) => cell.length > LIMITS.cell && !/^-+$/.test(cell))
    .map(({ line, cell }) => ({ line, message: `a cell of ${cell.length} characters: ${start(cell)}` }));
}

/** The rows of the table in CONTRIBUTING.md: "avoid | write instead". */
function wordList() {
  const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
  const [, table = ''] = /\| avoid [^\n]*\n\|[-| ]+\n((?:\|.*\n)+)/.exec(page) ?? [];
  const rows = table
    .trim()
    .split('\n')
    .map((row) => row.split('|').map((cell) => cell.trim().replaceAll('`', '')));
  return rows.map(([, phrase, instead]) => ({ phrase, instead, pattern: new RegExp(`\\b${phrase}\\b`, 'i') }));
}

const LIST = wordList();

function avoided(prose) {
  // A quotation may name what it advises against.
  return LIST.filter(({ pattern }) => pattern.test(prose.replace(/"[^"]*"/g, 'x')));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [given, strict] = [
    process.argv.slice(2).filter((one) => !one.startsWith('--')),
    process.argv.includes('--strict'),
  ];
  const files = given.length > 0 ? given.map((file) => relative(root, join(process.cwd(), file))) : filesWithProse();
  let count = 0;
  const longest = { sentence: 0, cell: 0 };
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const { line, message } of findings(file, text)) {
      console.warn(`${file}:${line}: ${message}`);
      count++;
    }
    const { sentence, cell } = figures(file, text);
    if (sentence > longest.sentence) longest.sentence = sentence;
    if (file.endsWith('.md') && cell > longest.cell) longest.cell = cell;
  }
  console.log(
    `Prose: ${count} warnings in ${files.length} files. Longest sentence: ${longest.sentence} words. Widest cell: ${longest.cell} characters.`,
  );
  if (strict && count > 0) process.exitCode = 1;
}
