import type { Provider } from '@nestjs/common';
import { type Accepted, complete } from './checks.js';

/** One check for each option. It also gets all options of its class, because one may depend on another. */
export type Checks<Options> = {
  readonly [Name in keyof Options]-?: (name: string, given: Options[Name], all: Options) => unknown;
};

/** What the checks return. */
export type Checked<C> = {
  readonly [Name in keyof C]: C[Name] extends (...given: never[]) => infer Value ? Value : never;
};

/** The class that {@link configOf} returns. */
export interface ConfigClass<Options, Config> {
  new (given?: Partial<Options>): Config;
  /** The group of the options in `AuthModuleOptions`; '' for options without a group. */
  readonly group: string;
  readonly names: readonly string[];
  /** The class of the options, with their defaults. */
  readonly Defaults: new () => Options;
  /** The values that each option accepts, if its check says so. */
  readonly accepts: Readonly<Record<string, Accepted | undefined>>;
}

/**
 * Makes the class of a concept's options as the library uses them: complete, checked, durations in milliseconds. The class is also
 * the injection token of these options. The options class has the defaults and the documentation; the checks have the bounds.
 *
 * @param prefix comes before an option's name in messages: `'accessToken.'`, `''`, `'webhookAlerts: '`
 * @example
 * export class PurgeConfig extends configOf('purge.', PurgeOptions, { interval: duration('0s', '24d'), … }) {}
 */
export function configOf<Options extends object, C extends Checks<Options>>(
  prefix: string,
  Defaults: new () => Options,
  checks: C,
): ConfigClass<Options, Checked<C>> {
  const names = Object.keys(checks) as (keyof Options & string)[];
  const group = prefix.replace(/[.: ]+$/, '');
  class Config {
    static readonly group = group;
    static readonly names = names;
    static readonly Defaults = Defaults;
    static readonly accepts = Object.fromEntries(
      names.map((name) => [name, (checks[name] as { accepts?: Accepted }).accepts]),
    );

    constructor(given?: Partial<Options>) {
      const all = complete(group, new Defaults(), given, names);
      for (const name of names) Object.assign(this, { [name]: checks[name](prefix + name, all[name], all) });
    }
  }
  return Config as unknown as ConfigClass<Options, Checked<C>>;
}

/** Injects the options that the host gave. Only {@link configProvider} reads it. */
export const AUTH_OPTIONS = Symbol('AUTH_OPTIONS');

/** Provides the config of one concept, made from the options that the host gave. */
export function configProvider(Config: ConfigClass<object, object>): Provider {
  return {
    provide: Config,
    useFactory: (options: Record<string, object | undefined>) => new Config(given(Config, options)),
    inject: [AUTH_OPTIONS],
  };
}

function given({ group, names }: ConfigClass<object, object>, options: Record<string, object | undefined>) {
  if (group !== '') return options[group];
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}
