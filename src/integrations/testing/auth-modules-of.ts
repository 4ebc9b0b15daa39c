import type { INestApplicationContext } from '@nestjs/common';
import { AuthModuleRegistry, type Registered } from '../../auth/modules/auth-module-registry.js';

/**
 * The `AuthModule`s of an application; with a name the one that has it.
 *
 * @param caller the function of the host's test, for messages
 * @throws TypeError if there is no such module
 */
export function authModulesOf(
  caller: string,
  app: INestApplicationContext,
  name: string | undefined,
): readonly Registered[] {
  const modules = registeredIn(app);
  if (modules.length === 0)
    throw new TypeError(`${caller}: the application has no AuthModule. Import AuthModule or AuthTestingModule.`);
  if (name === undefined) return modules;
  const named = modules.filter(({ registration }) => registration.name === name);
  if (named.length > 0) return named;
  throw new TypeError(`${caller}: there is no AuthModule with the name '${name}'. ${namesOf(modules)}`);
}

/**
 * The one that a sign-in is for: the one with the name, the only one, or the one without a name.
 *
 * @throws TypeError if there is no such module
 */
export function authModuleOf(caller: string, app: INestApplicationContext, name: string | undefined): Registered {
  const modules = authModulesOf(caller, app, name);
  const found = modules.length === 1 ? modules[0] : modules.find(({ registration }) => registration.name === undefined);
  if (found) return found;
  throw new TypeError(`${caller}: the application has several AuthModules. Give the name of one. ${namesOf(modules)}`);
}

function registeredIn(app: INestApplicationContext): readonly Registered[] {
  try {
    return app.get(AuthModuleRegistry, { strict: false }).all;
  } catch {
    return [];
  }
}

function namesOf(modules: readonly Registered[]): string {
  const names = modules.map(({ registration: { name } }) => (name === undefined ? 'one has none' : `'${name}'`));
  return `The names are: ${names.join(', ')}.`;
}
