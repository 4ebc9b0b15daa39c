import type { Project } from '../edit/project.js';
import type { Host } from './host.js';
import { isBelow, type Names, OWN_SESSION_TABLE, SESSION_TABLE, tablesWith } from './names.js';
import type { Found } from './routes.js';

/** What was done, by file. */
export function done(project: Project, names: Names | undefined, packages: string[]): string[] {
  const files = project.changes.map(({ path, before }) => `  ${before === undefined ? 'new    ' : 'changed'}  ${path}`);
  if (files.length === 0) return ['Nothing to do: nestjs-refresh-token is set up already.'];
  return [
    ['What was done:', ...files].join('\n'),
    ...(packages.length > 0 ? [`Packages added to package.json: ${packages.join(', ')}`] : []),
    ...(names ? [`The routes of the sessions are below /${names.routePrefix}.`] : []),
  ];
}

/** What was found in the application, and what that means. */
export function found(host: Host, names: Names): string[] {
  const { routePrefix } = names;
  const routes = host.routes.filter(({ name }) => isBelow(name, 'auth'));
  return [
    ...ifAny(routes, (places) =>
      isBelow(routePrefix, 'auth')
        ? `Routes below /auth exist already (${places}). Ours are below /${routePrefix}: give --route-prefix another path.`
        : `Routes below /auth exist already (${places}), so ours are below /${routePrefix}. Tell the client: authPath: '/${routePrefix}'.`,
    ),
    ...host.strategies.map(
      ({ name, path }) =>
        `The Passport strategy '${name}' (${path}) stays as it is, and works next to those of nestjs-refresh-token.`,
    ),
    ...ifAny(
      host.jwtGuards,
      (places) =>
        `Your guard of access tokens (${places}) accepts your old tokens only. Import JwtAuthGuard from nestjs-refresh-token for ours.`,
    ),
    ...ifAny(
      host.globalGuards,
      (places) =>
        `A global guard (${places}) also runs on /${routePrefix}/login and /${routePrefix}/refresh. Let it pass them: they come without an access token.`,
    ),
    ...(names.ownTable
      ? [
          `The table ${SESSION_TABLE} is yours, so the sessions are in ${OWN_SESSION_TABLE}: ${names.users.file}/refresh-token-session.entity.ts.`,
        ]
      : []),
    ...(host.globalPrefix === ''
      ? []
      : [`With your global prefix, login is POST /${host.globalPrefix}/${routePrefix}/login.`]),
    ...(host.isVersioned
      ? ['The routes have the default version of your application. The option `version` sets another one.']
      : []),
  ];
}

/** What may stop the application from working, and what to do about it. */
export function conflicts(host: Host, names: Names): string[] {
  const { routePrefix } = names;
  const tables = tablesWith(names);
  const mayMeet = host.unread.filter(({ below }) => below === '' || isBelow(routePrefix, below));
  return [
    ...placesOf(mayMeet).map(
      (place) =>
        `Could not read the path of ${place}: check that it is not below /${routePrefix}. If it is, set another routePrefix.`,
    ),
    ...placesOf(host.tables.filter(({ name }) => tables.includes(name))).map(
      (place) =>
        `You have a table ${place}, and nestjs-refresh-token has one of that name. Its migrations refuse yours. ` +
        'Rename yours: give its entity another name, and write a migration that renames the table.',
    ),
    ...placesOf(host.unreadTables).map(
      (place) => `Could not read the table of ${place}: check that it is not ${tables.join(' or ')}.`,
    ),
  ];
}

/** What remains to be done. */
export function left(project: Project, host: Host, { users }: Names): string[] {
  const provider = `${project.sourceRoot}/${users.file}/${users.file}.service.ts`;
  const own = [...host.userServices, ...host.userEntities];
  const hasJwts = host.strategies.length + host.jwtGuards.length > 0;
  return [
    ...(host.config && !host.config.readsEnvFile
      ? [`${host.config.path}: its ConfigModule does not read .env. Set AUTH_SECRET where it reads variables.`]
      : []),
    `Now implement who may sign in: ${provider}`,
    ...ifAny(own, (places) => `Use what you have there: ${places}. Ids must be strings that never change.`),
    ...(hasJwts ? ['To move the users of your old tokens: see the guide "You have JWTs already".'] : []),
  ];
}

function ifAny(found: Found[], message: (places: string) => string): string[] {
  const places = placesOf(found);
  return places.length === 0 ? [] : [message(places.slice(0, 4).join(', '))];
}

const placesOf = (found: Found[]) => [...new Set(found.map(({ name, path }) => `${name} in ${path}`))];
