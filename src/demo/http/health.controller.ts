import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { RevocationFeed, Public } from 'nestjs-refresh-token';
import { Statement } from 'nestjs-refresh-token/typeorm';
import { DataSource } from 'typeorm';

@Controller('health')
@Public()
export class HealthController {
  private readonly ping: Statement;

  constructor(
    dataSource: DataSource,
    private readonly feed: RevocationFeed,
  ) {
    // A Statement times out if the database is silent.
    this.ping = new Statement(dataSource, 'SELECT 1');
  }

  @Get()
  async health() {
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
