import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DefaultTheme } from 'vitepress';
import { withMermaid } from 'vitepress-plugin-mermaid';

const { repository } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const forge = repository.url.replace(/^git\+|\.git$/g, '');

/** The anchors of GitHub, so that a link works there and on the site. */
function slugify(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

/** Where a relative link out of `docs` leads; `undefined` for every other link. */
function outside(page: string, link: string): string | undefined {
  if (!link.startsWith('.')) return undefined;
  const path = join('docs', dirname(page), link);
  return path.startsWith('docs/') && !path.startsWith('docs/api/') ? undefined : `${forge}/blob/main/${path}`;
}

/** The headings of the index are the groups, and its links are the pages. */
function sidebar(): DefaultTheme.SidebarItem[] {
  const index = readFileSync(new URL('../index.md', import.meta.url), 'utf8');
  return index
    .split(/^## /m)
    .slice(1)
    .map((group) => {
      const [text] = group.split('\n');
      const links = [...group.matchAll(/^- \[(.+?)\]\((?!\.\.)(.+?)\.md\)/gm)];
      return { text, items: links.map(([, name, link]) => ({ text: name, link: `/${link}` })) };
    });
}

const groups = sidebar();
/** TypeDoc has written a page for each entry point. */
const entryPoints = readdirSync(new URL('../reference/api', import.meta.url))
  .filter((file) => file !== 'index.md')
  .sort()
  .map((file) => file.replace(/\.md$/, ''));
groups.push({
  text: 'API',
  link: '/reference/api/',
  collapsed: true,
  items: entryPoints.map((entry) => ({ text: entry, link: `/reference/api/${entry}` })),
});

export default withMermaid({
  title: 'nestjs-refresh-token',
  description: 'Sessions for NestJS: short access tokens and long rotating refresh tokens.',
  srcExclude: ['api/**', 'node_modules/**'],
  cleanUrls: true,
  markdown: {
    anchor: { slugify },
    config(md) {
      md.core.ruler.push('links-out-of-docs', ({ tokens, env }) => {
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          if (token.type !== 'link_open') continue;
          const target = outside(env.relativePath, token.attrGet('href') ?? '');
          if (target !== undefined) token.attrSet('href', target);
        }
      });
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    nav: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'Options', link: '/reference/options' },
      { text: 'Troubleshooting', link: '/troubleshooting' },
    ],
    sidebar: groups,
    socialLinks: [{ icon: 'github', link: forge }],
  },
});
