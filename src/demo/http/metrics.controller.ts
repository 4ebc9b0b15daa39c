import { Controller, Get, Header } from '@nestjs/common';
import { Public } from 'nestjs-refresh-token';
import { AuthMetrics } from 'nestjs-refresh-token/metrics';

/** Metrics for Prometheus. In production, do not expose this route to the internet: use a different port or a proxy. */
@Controller('metrics')
@Public()
export class MetricsController {
  constructor(private readonly metrics: AuthMetrics) {}

  @Get()
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  scrape(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
