// `nestjs-refresh-token/metrics`: metrics for Prometheus.
export { AuthMetricsModule } from './auth-metrics.module.js';
export { AuthMetrics } from './auth-metrics.js';
export { AuthMetricsOptions } from './metrics-options.js';
