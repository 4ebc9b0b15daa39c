import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchorsOf, linksOf } from '../support/markdown.js';
import { root } from '../support/root.js';

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
const files = new Set(tracked.trim().split('\n'));
const pages = [...files].filter((file) => /^([A-Z]+\.md|docs\/(?!api\/|node_modules\/).*\.md)$/.test(file));
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');

/** The page and the anchor that a relative link leads to. */
function target(page: string, link: string): { file: string; anchor: string | undefined } {
  const [path, anchor] = link.split('#');
  return { file: path === '' ? page : normalize(join(dirname(page), decodeURI(path))), anchor };
}

const isExternal = (link: string) => /^[a-z]+:/.test(link);

describe('the links', () => {
  test.each(pages)('of %s lead to files and headings that exist', (page) => {
    for (const link of linksOf(textOf(page)).filter((one) => !isExternal(one))) {
      const { file, anchor } = target(page, link);
      expect(files.has(file) || [...files].some((one) => one.startsWith(`${file}/`)), `${page}: ${link}`).toBe(true);
      if (anchor === undefined || !file.endsWith('.md')) continue;
      expect(anchorsOf(textOf(file)), `${page}: ${link}`).toContain(anchor);
    }
  });

  test.each(pages)('of %s to other sites use HTTPS', (page) => {
    for (const link of linksOf(textOf(page)).filter(isExternal)) expect(link, page).toMatch(/^https:\/\/[\w.-]+\.\w+/);
  });

  test('reach every page from the index', () => {
    const reached = new Set<string>();
    const visit = (page: string) => {
      if (reached.has(page) || !page.endsWith('.md')) return;
      reached.add(page);
      for (const link of linksOf(textOf(page)).filter((one) => !isExternal(one))) visit(target(page, link).file);
    };
    visit('docs/index.md');
    expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
  });

  test('work on npm: the package names its repository', () => {
    const { repository } = JSON.parse(textOf('package.json')) as { repository: { url: string } };
    expect(repository.url).toMatch(/^git\+https:\/\/.+\.git$/);
  });

  test('are found, and so are anchors, as a forge makes them', () => {
    const text =
      '# A `b.c`: d\n\n[x](y.md#z) ![i](j.png) `[no](code)`\n\n## Twice\n\n## Twice\n\n```\n[no](fence)\n```\n';
    expect(linksOf(text)).toEqual(['y.md#z', 'j.png']);
    expect(anchorsOf(text)).toEqual(['a-bc-d', 'twice', 'twice-1']);
  });
});
