import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { FloorFeed, Public } from 'nestjs-refresh-token';
import { DataSource } from 'typeorm';

@Controller('health')
@Public()
export class HealthController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly feed: FloorFeed,
  ) {}

  @Get()
  async health() {
    try {
      await this.dataSource.query('SELECT 1');
    } catch {
      throw new ServiceUnavailableException({ status: 'unavailable', database: 'down' });
    }
    const { age, stale, floors, channel } = this.feed.status;
    return { status: 'ok', database: 'up', revocation_feed: { age_ms: age, stale, floors, channel } };
  }
}
