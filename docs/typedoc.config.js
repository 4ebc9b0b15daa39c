// The pages below docs/reference/api: one for each entry point of the package.
import { readFileSync } from 'node:fs';
import { Converter, OptionDefaults, ReflectionKind } from 'typedoc';

const root = new URL('..', import.meta.url);
const { name, exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** By the source of each entry point: its name without that of the package. */
const entryPoints = new Map();
for (const [entry, { types }] of Object.entries(exports)) {
  if (types === undefined) continue;
  const source = types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts');
  // The first entry with these types is enough.
  if (!entryPoints.has(source)) entryPoints.set(source, entry === '.' ? 'main' : entry.slice('./'.length));
}

/** The page of `client/dpop` is `client-dpop`, next to the others. */
const pageOf = (entry) => entry.replaceAll('/', '-');
const byPage = new Map([...entryPoints.values()].map((entry) => [pageOf(entry), entry]));

/** TypeDoc names a module by its path in src. Readers know it by the name of the entry point. */
function nameEntryPoints(application) {
  const names = new Map();
  for (const [source, entry] of entryPoints) names.set(source.replace(/^src\/|(\/index)?\.ts$/g, ''), pageOf(entry));
  application.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) module.name = names.get(module.name);
  });
}

export default {
  name,
  readme: 'none',
  entryPoints: [...entryPoints.keys()].map((source) => new URL(source, root).pathname),
  tsconfig: new URL('tsconfig.build.json', root).pathname,
  // `npm run typecheck` does.
  skipErrorChecking: true,
  validation: false,
  logLevel: 'Error',
  plugin: [nameEntryPoints, 'typedoc-plugin-markdown'],
  out: 'reference/api',
  router: 'module',
  entryFileName: 'index',
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeExternals: true,
  // They are for the reference pages.
  blockTags: [...OptionDefaults.blockTags, '@reason', '@client', '@alert'],
  excludeTags: ['@reason', '@client', '@alert'],
  useCodeBlocks: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  pageTitleTemplates: {
    index: () => 'All entry points',
    module: ({ name: page }) => (page === 'main' ? name : `${name}/${byPage.get(page)}`),
  },
};
