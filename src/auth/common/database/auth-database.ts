import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type ObjectLiteral } from 'typeorm';
import { boolean } from '../options/checks.js';
import { configOf } from '../options/config.js';
import { duration } from '../options/duration.js';
import { isMySql } from './dialect.js';
import type { EntityClass } from './entity-class.js';
import { EntityTable } from './entity-table.js';
import { Statement } from './statement.js';

/** Database options. */
export class DatabaseOptions {
  /**
   * How long the database may take to answer a SELECT. After that the connection is closed, and the request is answered with 503.
   * Statements that write get six times this limit.
   */
  databaseTimeout = '5s';
  /** Whether PostgreSQL gets named prepared statements. Switch them off for a pooler that does not support them. */
  preparedStatements = true;
}

export class DatabaseConfig extends configOf('', DatabaseOptions, {
  databaseTimeout: duration('100ms', '60s'),
  preparedStatements: boolean,
}) {}

/** Injects the `DataSource` that holds the sessions. */
export const AUTH_DATA_SOURCE = Symbol('AUTH_DATA_SOURCE');

/** The host's data source, and the statements that the stores prepare on it. */
@Injectable()
export class AuthDatabase {
  constructor(
    @Inject(AUTH_DATA_SOURCE) readonly dataSource: DataSource,
    private readonly config: DatabaseConfig,
  ) {}

  get isMySql(): boolean {
    return isMySql(this.dataSource);
  }

  table<Entity extends ObjectLiteral>(entity: EntityClass<Entity>): EntityTable<Entity> {
    return new EntityTable(this.dataSource, entity);
  }

  /** @param timeout milliseconds; by default the option `databaseTimeout` */
  statement(sql: string, timeout = this.config.databaseTimeout): Statement {
    return new Statement(this.dataSource, sql, this.config.preparedStatements, timeout);
  }
}
