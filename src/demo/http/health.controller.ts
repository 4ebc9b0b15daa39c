import { Controller, Get, type OnModuleDestroy, ServiceUnavailableException } from '@nestjs/common';
import { RevocationFeed, Public } from 'nestjs-refresh-token';
import { Statement } from 'nestjs-refresh-token/typeorm';
import { DataSource } from 'typeorm';
import { AllowPlainHttp } from './https.guard.js';

@Controller('health')
@AllowPlainHttp()
@Public()
export class HealthController implements OnModuleDestroy {
  private readonly ping: Statement;
  private draining = false;

  constructor(
    dataSource: DataSource,
    private readonly feed: RevocationFeed,
  ) {
    // A Statement times out if the database is silent.
    this.ping = new Statement(dataSource, 'SELECT 1');
  }

  /** Nest calls it before it closes the server, so requests still arrive. */
  onModuleDestroy(): void {
    this.draining = true;
  }

  /** Asks nothing: a restart repairs neither a database nor a stop that is under way. */
  @Get('live')
  live() {
    return { status: 'ok' };
  }

  @Get(['/', 'ready'])
  async ready() {
    if (this.draining) throw new ServiceUnavailableException({ status: 'unavailable', reason: 'draining' });
    try {
      await this.ping.execute({});
    } catch {
      throw new ServiceUnavailableException({ status: 'unavailable', database: 'down' });
    }
    const { age, stale, floors, channel, clockOffset } = this.feed.status;
    const feed = { age_ms: age, stale, floors, channel, clock_offset_ms: clockOffset };
    return { status: 'ok', database: 'up', revocation_feed: feed };
  }
}
