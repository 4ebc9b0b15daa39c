// `npm run lint` runs it: it warns about prose that is hard to read, by the rules and the word list of CONTRIBUTING.md.
// `node scripts/prose.js FILE…` checks these files only; `--strict` exits with 1 if there is a finding.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { htmlBlocks, markdownBlocks, typeScriptBlocks } from './prose-blocks.js';

const MAX_WORDS = 25;
const MAX_CELL = 80;
const MAX_README_LINES = 200;

const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'docs/*.md', ':!docs/api'];
const SOURCES = ['src/*.ts', 'src/*.js', 'src/*.html'];

function allFiles() {
  const arguments_ = ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...PAGES, ...SOURCES];
  const files = execFileSync('git', arguments_, { encoding: 'utf8' }).split('\n');
  return [...new Set(files)].filter((file) => file !== '' && existsSync(file)).sort();
}

function escape(phrase) {
  return phrase.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ /g, '\\s+');
}

function codeSpans(cell) {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, phrase]) => phrase);
}

/** The rows below "Plain English": phrases to avoid, what to write instead, and phrases in which the words are fine. */
function readWordList() {
  const contributing = readFileSync(new URL('../CONTRIBUTING.md', import.meta.url), 'utf8');
  const section = contributing.split(/^## /m).find((part) => part.startsWith('Plain English')) ?? '';
  const rows = section.split('\n').filter((line) => /^\|.*`/.test(line));
  return rows.flatMap((row) => {
    const [avoid, instead, fine] = row.split('|').slice(1);
    const exceptions = codeSpans(fine).map((phrase) => new RegExp(`\\b${escape(phrase)}\\b`, 'gi'));
    return codeSpans(avoid).map((phrase) => ({ phrase, instead: instead.trim(), exceptions, ...patternOf(phrase) }));
  });
}

/** A phrase that ends with "…" counts at the start of a sentence, if the sentence is no question. */
function patternOf(phrase) {
  const starts = phrase.endsWith('…');
  const words = escape(phrase.replace(/\s*…$/, ''));
  return { starts, pattern: starts ? new RegExp(`^${words}\\b`) : new RegExp(`\\b${words}\\b`, 'gi') };
}

/** As the reader meets it: a clause after a colon or a semicolon counts as a sentence of its own. */
function sentencesOf(text) {
  const sentences = [];
  let start = 0;
  for (const { 0: gap, index } of text.matchAll(/(?<=[.:;?!])\s+/g)) {
    const before = text.slice(start, index);
    if (/\b(e\.g|i\.e|cf|vs|No|Fig|Sec)\.$/.test(before)) continue;
    if (/\betc\.$/.test(before) && !/^[A-Z`]/.test(text.slice(index + gap.length))) continue;
    sentences.push({ text: before, at: start });
    start = index + gap.length;
  }
  sentences.push({ text: text.slice(start), at: start });
  return sentences.filter(({ text: sentence }) => sentence.trim() !== '');
}

function wordsOf(sentence) {
  return sentence.split(/\s+/).filter((word) => word !== '');
}

function quote(sentence) {
  const words = wordsOf(sentence);
  return `"${words.slice(0, 8).join(' ')}${words.length > 8 ? ' …' : ''}"`;
}

class Report {
  findings = [];
  longest = { size: 0, where: '' };
  widest = { size: 0, where: '' };
  readmeLines = undefined;
  wordList = readWordList();

  check(file) {
    const text = readFileSync(file, 'utf8');
    if (file.endsWith('.md')) this.checkPage(file, text);
    else if (file.endsWith('.html')) this.checkBlocks(file, htmlBlocks(text));
    else this.checkBlocks(file, typeScriptBlocks(file, text));
  }

  checkPage(file, text) {
    const lines = text.split('\n').length;
    if (/(^|\/)README\.md$/.test(file)) {
      this.readmeLines = lines;
      if (lines > MAX_README_LINES) this.add(file, lines, `${lines} lines; at most ${MAX_README_LINES}`);
    }
    this.checkBlocks(file, markdownBlocks(text));
  }

  checkBlocks(file, blocks) {
    for (const block of blocks) {
      if (block.kind === 'cell') this.checkCell(file, block);
      const sentences = sentencesOf(block.text);
      if (block.kind === 'text') for (const sentence of sentences) this.checkSentence(file, block, sentence);
      this.checkWords(file, block, sentences);
    }
  }

  checkCell(file, block) {
    if (block.width > this.widest.size) this.widest = { size: block.width, where: `${file}:${block.lineAt(0)}` };
    if (block.width > MAX_CELL)
      this.add(file, block.lineAt(0), `a cell of ${block.width} characters; at most ${MAX_CELL}`);
  }

  checkSentence(file, block, { text, at }) {
    const size = wordsOf(text).length;
    const line = block.lineAt(at);
    if (size > this.longest.size) this.longest = { size, where: `${file}:${line}` };
    if (size > MAX_WORDS) this.add(file, line, `a sentence of ${size} words; at most ${MAX_WORDS}: ${quote(text)}`);
  }

  checkWords(file, block, sentences) {
    for (const { phrase, instead, pattern, starts, exceptions } of this.wordList) {
      const advice = `"${phrase}": write ${instead}`;
      if (starts) {
        if (block.kind !== 'text') continue;
        for (const { text, at } of sentences)
          if (pattern.test(text) && !/\?$/.test(text.trim())) this.add(file, block.lineAt(at), advice);
        continue;
      }
      const fine = exceptions.flatMap((exception) => [...block.text.matchAll(exception)]);
      for (const { index } of block.text.matchAll(pattern)) {
        const isFine = fine.some((match) => match.index <= index && index < match.index + match[0].length);
        if (!isFine) this.add(file, block.lineAt(index), advice);
      }
    }
  }

  add(file, line, message) {
    this.findings.push({ file, line, message });
  }

  summary() {
    const parts = [`longest sentence ${this.longest.size} words${at(this.longest)}`];
    parts.push(`widest table cell ${this.widest.size} characters${at(this.widest)}`);
    if (this.readmeLines !== undefined) parts.push(`README.md ${this.readmeLines} lines`);
    return `prose: ${this.findings.length} findings; ${parts.join('; ')}`;
  }
}

function at({ where }) {
  return where === '' ? '' : ` (${where})`;
}

const options = process.argv.slice(2);
const files = options.filter((option) => !option.startsWith('--'));
const report = new Report();
for (const file of files.length > 0 ? files : allFiles()) report.check(file);
report.findings.sort((one, other) =>
  one.file === other.file ? one.line - other.line : one.file < other.file ? -1 : 1,
);
for (const { file, line, message } of report.findings) console.log(`${file}:${line}: ${message}`);
console.log(report.summary());
if (options.includes('--strict') && report.findings.length > 0) process.exitCode = 1;
