// `nestjs-refresh-token/opentelemetry`: spans and metrics by `@opentelemetry/api`.
export { AuthOpenTelemetryModule } from './auth-opentelemetry.module.js';
export { AuthOpenTelemetryOptions } from './opentelemetry-options.js';
