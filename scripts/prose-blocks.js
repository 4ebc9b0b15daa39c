// Takes the prose out of pages and sources, in blocks that know their lines. What is no prose (code, targets of links) is a
// word of its own or left out.
import ts from 'typescript';

/** Stands for what is left out: it keeps the positions until the block is finished. */
const NOTHING = '\0';

/** The words of code count as one. */
function blank(text) {
  return NOTHING.repeat(text.length);
}

function code(text) {
  return 'x' + blank(text.slice(1));
}

function withoutMarkup(text) {
  return text
    .replace(/(`+)[^`](?:.*?[^`])?\1(?!`)/gs, code)
    .replace(/\{@link(?:code|plain)? [^}]*\}/g, code)
    .replace(/<!--.*?-->|<\/?[a-z][^<>]*>/gis, blank)
    .replace(
      /(!?\[)([^\]]*)(\]\([^)]*\)|\]\[[^\]]*\])/g,
      (_, open, label, target) => blank(open) + label + blank(target),
    )
    .replace(/https?:\/\/[^\s)]+/g, code);
}

/** @param lines the lines of the block, each `{ text, line }` */
function block(kind, lines) {
  const marked = withoutMarkup(lines.map(({ text }) => text).join('\n'));
  const kept = [...marked.matchAll(/[^\0]/g)].map(({ index }) => index);
  const ends = [];
  for (const { text } of lines) ends.push((ends.at(-1) ?? -1) + text.length + 1);
  const lineAt = (at) => {
    const index = kept[Math.min(at, kept.length - 1)] ?? 0;
    return (lines[ends.findIndex((end) => index <= end)] ?? lines[0]).line;
  };
  return { kind, text: marked.replaceAll(NOTHING, '').replaceAll('\n', ' '), lineAt };
}

function cells(row, line) {
  const texts = row.trim().replace(/^\||\|$/g, '').split(/(?<!\\)\|/).map((text) => text.trim()); // prettier-ignore
  return texts
    .filter((text) => text !== '' && !/^:?-+:?$/.test(text))
    .map((text) => ({ ...block('cell', [{ text, line }]), width: text.length }));
}

/** @param first the line of the file on which the text begins */
export function markdownBlocks(text, first = 1) {
  const blocks = [];
  let pending = [];
  let fence;
  const flush = () => {
    if (pending.length > 0) blocks.push(block('text', pending));
    pending = [];
  };
  const lines = text.replace(/^---\n.*?\n---\n/s, (matter) => matter.replace(/[^\n]/g, ''));
  const uncommented = lines.replace(/<!--.*?-->/gs, (comment) => comment.replace(/[^\n]/g, ''));
  for (const [index, raw] of uncommented.split('\n').entries()) {
    const line = first + index;
    const content = raw.replace(/^\s*(>\s?)+/, '').trim();
    const mark = /^(`{3,}|~{3,})/.exec(content)?.[1];
    if (fence !== undefined) {
      if (mark !== undefined && mark.startsWith(fence) && content === mark) fence = undefined;
    } else if (mark !== undefined) {
      flush();
      fence = mark;
    } else if (content === '' || /^(:::|\[!\w+\]$|\[[^\]]+\]:)/.test(content) || /^([-*_]\s*){3,}$/.test(content)) {
      flush();
    } else if (/^#{1,6}\s/.test(content)) {
      flush();
      blocks.push(block('heading', [{ text: content.replace(/^#+\s+/, ''), line }]));
    } else if (content.startsWith('|')) {
      flush();
      blocks.push(...cells(content, line));
    } else {
      if (/^([-*+]|\d+[.)])\s/.test(content) || content.startsWith('<')) flush();
      pending.push({ text: content.replace(/^([-*+]|\d+[.)])\s+(\[[ x]\]\s)?/, ''), line });
      if (content.startsWith('<') && content.endsWith('>')) flush();
    }
  }
  flush();
  return blocks;
}

const INLINE_TAGS = /<\/?(?:a|abbr|b|em|i|kbd|small|span|strong|output|time)\b[^>]*>/gi;

/** The visible text of a page, and the texts of its attributes. */
export function htmlBlocks(text) {
  const keepLines = (part) => part.replace(/[^\n]/g, '');
  const attributes = [...text.matchAll(/\s(?:title|alt|placeholder|aria-label)="([^"]*)"/g)].map(({ 0: all, 1: value, index }) =>
    block('text', [{ text: value, line: lineOf(text, index + all.indexOf(value)) }]),
  ); // prettier-ignore
  const visible = text
    .replace(/<!--.*?-->|<(script|style)\b.*?<\/\1>/gis, keepLines)
    .replace(/<code\b[^>]*>.*?<\/code>/gis, (part) => 'x' + keepLines(part))
    .replace(INLINE_TAGS, keepLines)
    .replace(/<[^>]+>/g, (tag) => `\n\n${NOTHING}${keepLines(tag)}`);
  // Each tag that remains has added two lines, which end a block and are not counted.
  const blocks = [];
  let line = 1;
  let pending = [];
  for (const part of visible.split(`\n\n${NOTHING}`)) {
    for (const [index, content] of part.split('\n').entries()) {
      if (index > 0) line++;
      if (content.trim() !== '') pending.push({ text: content.trim(), line });
    }
    if (pending.length > 0) blocks.push(block('text', pending));
    pending = [];
  }
  return [...blocks, ...attributes];
}

function lineOf(text, position) {
  return text.slice(0, position).split('\n').length;
}

/** Comments, docstrings without their examples, and the texts that people may read. */
export function typeScriptBlocks(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return [...commentBlocks(source), ...messageBlocks(source)];
}

function commentBlocks(source) {
  const text = source.text;
  const comments = new Map();
  const visit = (node) => {
    if (ts.isJSDoc(node)) return;
    const children = node.getChildren(source);
    if (children.length === 0 || node.kind === ts.SyntaxKind.EndOfFileToken) {
      for (const range of ts.getLeadingCommentRanges(text, node.pos) ?? []) comments.set(range.pos, range);
      for (const range of ts.getTrailingCommentRanges(text, node.end) ?? []) comments.set(range.pos, range);
    }
    children.forEach(visit);
  };
  visit(source);
  const blocks = [];
  let run = [];
  let last;
  const flush = () => {
    if (run.length > 0) blocks.push(...markdownBlocks(run.map(({ text: line }) => line).join('\n'), run[0].line));
    run = [];
  };
  for (const { pos, end, kind } of [...comments.values()].sort((one, other) => one.pos - other.pos)) {
    const line = lineOf(text, pos);
    if (kind === ts.SyntaxKind.SingleLineCommentTrivia) {
      const isAlone = text.slice(text.lastIndexOf('\n', pos) + 1, pos).trim() === '';
      if (!isAlone || line !== last + 1) flush();
      const content = text.slice(pos + 2, end);
      if (!/^\s*(eslint|prettier|@ts-|c8|v8|#)/.test(content)) run.push({ text: content, line });
      last = line;
    } else {
      flush();
      blocks.push(...docBlocks(text.slice(pos, end), line));
    }
  }
  flush();
  return blocks;
}

function docBlocks(comment, first) {
  const lines = comment
    .replace(/^\/\*+/, (open) => ' '.repeat(open.length))
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*( |$)/, ''));
  const prose = [];
  let inExample = false;
  for (const line of lines) {
    // A decorator in an example has a capital.
    const tag = /^\s*@([a-z]\w*)/.exec(line)?.[1];
    if (tag !== undefined) inExample = tag === 'example';
    if (inExample) prose.push('');
    else if (tag === undefined) prose.push(line);
    // A tag begins a block of its own, as the item of a list does. Its name and that of a parameter are no words.
    else prose.push(line.replace(/^\s*@param\s+(\S+\s+)?(-\s+)?|^\s*@\w+\s*/, '- '));
  }
  return markdownBlocks(prose.join('\n'), first);
}

function messageBlocks(source) {
  const blocks = [];
  const visit = (node) => {
    const parts = ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? [] : partsOf(node);
    if (parts === undefined || parts.length === 0) {
      ts.forEachChild(node, visit);
      return;
    }
    const message = parts.map(({ text }) => text).join('');
    if (!isProse(message)) return;
    const lines = [];
    for (const { text, position } of parts)
      for (const [index, piece] of text.split('\n').entries())
        if (index === 0 && lines.length > 0) lines.at(-1).text += piece;
        else lines.push({ text: piece, line: lineOf(source.text, position) + index });
    blocks.push(...textBlocks(lines));
  };
  visit(source);
  return blocks;
}

/** An empty line ends a sentence in a message, too. */
function textBlocks(lines) {
  const blocks = [];
  let pending = [];
  for (const line of [...lines, { text: '', line: 0 }]) {
    if (line.text.trim() !== '') pending.push({ ...line, text: line.text.trim() });
    else if (pending.length > 0) {
      blocks.push(block('text', pending));
      pending = [];
    }
  }
  return blocks;
}

/** The texts of a literal, of a template with a word for each expression in it, or of a sum of these. */
function partsOf(node) {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node))
    return [{ text: node.text, position: node.getStart() }];
  if (ts.isTemplateExpression(node)) {
    const spans = node.templateSpans.map(({ literal }) => ({ text: `x${literal.text}`, position: literal.getStart() }));
    return [{ text: node.head.text, position: node.head.getStart() }, ...spans];
  }
  if (ts.isParenthesizedExpression(node)) return partsOf(node.expression);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const sides = [node.left, node.right].map((side) => partsOf(side));
    if (sides.every((side) => side === undefined)) return undefined;
    return sides.flatMap((side, index) => side ?? [{ text: 'x', position: [node.left, node.right][index].getStart() }]);
  }
  return undefined;
}

const STATEMENT =
  /^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|SET|BEGIN|COMMIT|ROLLBACK|KILL|AND|WHERE|VALUES)\b/;

const SCRIPT = /\b\w+ = |==|^\s*local /m;
/** A list of names has none of these. */
const GLUE = /\b(a|an|the|is|are|was|be|not|to|of|in|on|by|for|with|and|or|it|this|that|you|your|has|must|can)\b/i;

function isProse(message) {
  const words = message.split(/\s+/).filter((word) => /^[("'“]*[A-Za-z][a-z'’-]*[)"'”]*[.,:;?!]*$/.test(word));
  return words.length >= 5 && GLUE.test(message) && !STATEMENT.test(message) && !SCRIPT.test(message);
}
