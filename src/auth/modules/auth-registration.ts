import type { ControllerOptions, Type } from '@nestjs/common';
import { getMetadataArgsStorage } from 'typeorm';
import { AuthConfigurationError } from '../common/errors/auth-error.js';
import { boolean } from '../common/options/checks.js';
import { FIELDS_OF_CONTINUING, FIELDS_OF_LOGIN, FIELDS_OF_STEP_UP } from '../common/request/own-fields.js';
import { RefreshToken, RefreshTokenColumns } from '../session/refresh-token.entity.js';
import { accountFieldsOf, checkedDto } from './host-dto.js';

type Given = Partial<Omit<AuthRegistration, 'strategyName' | 'accountsIn' | 'table'>>;

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
  /** The host's own body of a login. */
  readonly loginDto: Type<object> | undefined;
  /** The fields of a login that name its account. */
  readonly accountFields: readonly string[];
  /** The host's own body of a step-up. */
  readonly stepUpDto: Type<object> | undefined;
  /** The host's body of the second step of a login. Without it there is no such route. */
  readonly mfaDto: Type<object> | undefined;

  constructor({ name, controllers, routePrefix, version, dataSource, entity, ...bodies }: Given) {
    this.name = nameOf(name);
    this.controllers = boolean('controllers', controllers ?? true);
    this.routePrefix = prefixOf(routePrefix ?? 'auth');
    this.version = version;
    this.dataSource = dataSource ?? 'default';
    this.entity = entity ?? RefreshToken;
    this.table = tableOf(this.entity);
    this.loginDto = checkedDto('loginDto', bodies.loginDto, FIELDS_OF_LOGIN);
    this.accountFields = accountFieldsOf(bodies.accountFields, this.loginDto);
    this.stepUpDto = checkedDto('stepUpDto', bodies.stepUpDto, FIELDS_OF_STEP_UP);
    this.mfaDto = checkedDto('mfaDto', bodies.mfaDto, FIELDS_OF_CONTINUING);
    if (this.controllers) return;
    const idle = (['loginDto', 'stepUpDto', 'mfaDto'] as const).find((name) => this[name]);
    if (idle === undefined) return;
    throw new AuthConfigurationError(`${idle} has no effect with controllers: false. Remove one of them.`);
  }

  /** The names of accounts in the body of a login. */
  accountsIn(body: unknown): string[] {
    if (typeof body !== 'object' || body === null) return [];
    return this.accountFields
      .map((field) => (Object.hasOwn(body, field) ? (body as Record<string, unknown>)[field] : undefined))
      .filter((name): name is string => typeof name === 'string' && name !== '');
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
