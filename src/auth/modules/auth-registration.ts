import type { ControllerOptions, Type } from '@nestjs/common';
import { getMetadataArgsStorage } from 'typeorm';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { boolean } from '../common/options/checks.js';
import { RefreshToken, RefreshTokenColumns } from '../session/refresh-token.entity.js';

type Given = Partial<Omit<AuthRegistration, 'strategyName' | 'table'>>;

/** The extras of one `AuthModule`: what `forRoot` takes in addition to the options. */
export class AuthRegistration {
  /** `undefined` for a module without a name. */
  readonly name: string | undefined;
  readonly controllers: boolean;
  /** Without leading and trailing slashes. */
  readonly routePrefix: string;
  readonly version: ControllerOptions['version'];
  readonly dataSource: string;
  readonly entity: Type<RefreshTokenColumns>;
  /** The table's name, without the schema or prefix of the data source. */
  readonly table: string;

  constructor({ name, controllers, routePrefix, version, dataSource, entity }: Given) {
    this.name = nameOf(name);
    this.controllers = boolean('controllers', controllers ?? true);
    this.routePrefix = prefixOf(routePrefix ?? 'auth');
    this.version = version;
    this.dataSource = dataSource ?? 'default';
    this.entity = entity ?? RefreshToken;
    this.table = tableOf(this.entity);
  }

  /** The default name of a Passport strategy of this module. The prefix keeps it apart from the strategies of the host. */
  strategyName(strategy: string): string {
    return ['nrt', this.name, strategy].filter((part) => part !== undefined).join('-');
  }
}

function nameOf(name: string | undefined): string | undefined {
  if (name === undefined || /^[\w-]{1,64}$/.test(name)) return name;
  throw new AuthConfigurationError(`name must consist of letters, digits, '_' and '-', for example 'staff'.`);
}

function prefixOf(routePrefix: string): string {
  const prefix = String(routePrefix).replace(/^\/+|\/+$/g, '');
  if (/^(\w|[.~-](?=\w))+(\/(\w|[.~-](?=\w))+)*$/.test(prefix)) return prefix;
  throw new AuthConfigurationError(
    `routePrefix must be a path without parameters, for example 'auth' or 'staff/auth'.`,
  );
}

function tableOf(entity: Type<RefreshTokenColumns>): string {
  const table = getMetadataArgsStorage().tables.find(({ target }) => target === entity);
  if (table?.name !== undefined && entity.prototype instanceof RefreshTokenColumns) return table.name;
  throw new AuthConfigurationError(
    "entity is not a table of sessions. Write @RefreshTokenTable('staff_refresh_tokens') " +
      'class StaffRefreshToken extends RefreshTokenColumns {}',
  );
}
