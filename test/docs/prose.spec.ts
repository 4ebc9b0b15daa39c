import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesWithProse, findings } from '../../scripts/prose.js';
import { root } from '../support/root.js';

const LONG = `${'word '.repeat(25)}word.`;

describe('prose', () => {
  test.each(filesWithProse())('%s is easy to read', async (file) => {
    const found = findings(file, await readFile(join(root, file), 'utf8'));
    expect(found.map(({ line, message }) => `${file}:${line}: ${message}`)).toEqual([]);
  });

  test.each([
    ['docs/page.md', `# Page\n\n${LONG}`, 3, /26 words/],
    ['docs/page.md', `- Short.\n- ${LONG}`, 2, /26 words/],
    ['docs/page.md', 'A file such as this.', 1, /for example/],
    ['docs/page.md', `| a |\n|---|\n| ${'x'.repeat(81)} |`, 3, /81 characters/],
    ['README.md', 'Line.\n'.repeat(201), 201, /more than 200 lines/],
    ['src/a.ts', `/** ${LONG} */\nexport const a = 1;`, 1, /26 words/],
    ['src/a.ts', `// ${LONG.slice(0, 60)}\n// ${LONG.slice(60)}`, 1, /26 words/],
    ['src/a.ts', "throw new Error('write a number such as 5 here');", 1, /for example/],
    ['src/a.ts', 'throw new Error(`a ${name} that is no number at all`);', 1, /invalid/],
    ['src/page.html', `<p>\n${LONG}\n</p>`, 2, /26 words/],
  ])('in %s is warned about: %j', (file, text, line, message) => {
    expect(findings(file, text)).toEqual([{ line, message: expect.stringMatching(message) }]);
  });

  test.each([
    ['docs/page.md', `\`\`\`sh\n${LONG}\n\`\`\``],
    ['docs/page.md', `\`${LONG}\` is code.`],
    ['docs/page.md', `[a link](https://example.com/such-as-this).`],
    ['docs/page.md', `${'word '.repeat(25).trim()}.\n${'word '.repeat(25).trim()}.`],
    ['src/a.ts', `/**\n * A sum.\n *\n * @example\n * ${LONG}\n */\nexport const a = 1;`],
    ['src/a.ts', `const sql = 'SELECT ${'name, '.repeat(30)} id FROM users';`],
  ])('in %s may have: %j', (file, text) => {
    expect(findings(file, text)).toEqual([]);
  });
});
